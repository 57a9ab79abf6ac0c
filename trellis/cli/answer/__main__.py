from trellis.cli.answer.command import main

main()
