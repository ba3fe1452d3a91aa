"""What does this machine offer, and does it compute? python scripts/doctor.py [--json]"""

from dlcourse.cli.start import begin

begin()
if __name__ == "__main__":
    from dlcourse.cli.doctor import main

    main()
