"""Ask a folder that prune-export wrote. Neither torch nor transformers is loaded.

python examples/03-answer.py FOLDER
"""

import sys

from answer import Question, open_answerer

CONTEXT = "The pear tree was trained by Ada Birch in 1871. Her sons pruned it every winter until 1902."

answerer = open_answerer(sys.argv[1])

found = answerer.answer("Who trained the pear tree?", CONTEXT)
if found.refused:
    print("The text does not answer it, by the model's own threshold.")
print(f"{found.text!r} from character {found.start} on, probability {found.probability:.2f}")

asked = [
    Question("who", "Who pruned the pear tree?", CONTEXT),
    Question("when", "When was the pear tree trained?", CONTEXT),
]
for question, told in zip(asked, answerer.answer_all(asked), strict=True):
    print(f"{question.id}: {told.text!r}")
