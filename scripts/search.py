"""Search for hyper-parameters: python scripts/search.py KEY=SPACE ... search.trials=N key=value ..."""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.search import main

    main()
