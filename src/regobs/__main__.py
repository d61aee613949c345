"""`python -m regobs` is the command `regobs`."""

from regobs.cli.main import main

if __name__ == "__main__":
    main()
