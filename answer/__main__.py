from answer.cli import main

main()
