"""Draw what the course explains, each idea in one image: python scripts/demonstrate.py [NAME ...]."""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.demonstrate import main

    main()
