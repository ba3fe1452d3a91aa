"""Measure a StyleGAN: python scripts/evaluate.py checkpoint=RUN_OR_FILE metrics=[fd,kid,ppl]"""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.evaluate import main

    main()
