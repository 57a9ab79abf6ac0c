"""Documents of Natural Questions made by hand, in both forms, and files of them."""

import gzip
import json
from pathlib import Path
from typing import Any

Bounds = tuple[int, int]

PAGE = (
    "Pears - Wikipedia <H1> Pears </H1> "
    "<P> Ada Birch pruned the pear tree in 1871 . </P> "
    '<Table> <Tr> <Td_colspan="2"> Her sons , Tom and Will , helped . </Td> </Tr> </Table> '
    "See also : roses"
)
"""Tokens 6 to 17 are its first paragraph, 17 to 32 its table, whose row is 18 to 31."""
CANDIDATES = ((6, 17, True), (17, 32, True), (18, 31, False))


def annotation(
    long: Bounds | None = None, short: tuple[Bounds, ...] = (), yes_no: str = "NONE"
) -> dict[str, Any]:
    """As the simplified form has it."""
    start, end = long or (-1, -1)
    return {
        "long_answer": {"start_token": start, "end_token": end, "candidate_index": 0 if long else -1},
        "short_answers": [{"start_token": first, "end_token": last} for first, last in short],
        "yes_no_answer": yes_no,
        "annotation_id": 7,
    }


def simplified(*annotations: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A document about PAGE, some of whose fields are changed; None removes one."""
    entry = {
        "example_id": 4,
        "question_text": "who pruned the tree",
        "document_text": PAGE,
        "document_url": "",
        "long_answer_candidates": [
            {"start_token": start, "end_token": end, "top_level": top} for start, end, top in CANDIDATES
        ],
        "annotations": list(annotations),
    }
    return {name: value for name, value in (entry | changes).items() if value is not None}


def original(entry: dict[str, Any]) -> dict[str, Any]:
    """The same in the original form: each token with its bytes in the html, each span with its own."""
    html, tokens = "<!DOCTYPE html>\n", []
    for word in entry["document_text"].split(" "):
        start = len(html.encode())
        html += word + " "
        tokens.append(
            {
                "token": word.replace("_", " "),
                "html_token": word.startswith("<"),
                "start_byte": start,
                "end_byte": start + len(word.encode()),
            }
        )

    def with_bytes(span: dict[str, Any]) -> dict[str, Any]:
        start, end = span["start_token"], span["end_token"]
        given = start >= 0
        return span | {
            "start_byte": tokens[start]["start_byte"] if given else -1,
            "end_byte": tokens[end - 1]["end_byte"] if given else -1,
        }

    annotations = [
        one
        | {
            "long_answer": with_bytes(one["long_answer"]),
            "short_answers": [with_bytes(span) for span in one["short_answers"]],
        }
        for one in entry["annotations"]
    ]
    rest = {name: value for name, value in entry.items() if name != "document_text"}
    return rest | {
        "document_html": html,
        "document_tokens": tokens,
        "long_answer_candidates": [with_bytes(one) for one in entry["long_answer_candidates"]],
        "annotations": annotations,
    }


def saved(path: Path, *entries: dict[str, Any]) -> str:
    """Write the documents, one to a line, packed where the name ends in .gz."""
    text = "".join(json.dumps(entry) + "\n" for entry in entries).encode()
    path.write_bytes(gzip.compress(text) if path.suffix == ".gz" else text)
    return str(path)
