"""Are a classifier's gradients right? python scripts/check_gradients.py experiment=NAME key=value ..."""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.check_gradients import main

    main()
