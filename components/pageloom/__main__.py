"""`python -m pageloom`, which `torchrun -m pageloom` runs in each process."""

from pageloom.cli import main

if __name__ == "__main__":
    main()
