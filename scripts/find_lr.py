"""Which learning rate? python scripts/find_lr.py experiment=NAME key=value ..."""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.find_lr import main

    main()
