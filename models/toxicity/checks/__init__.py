"""What holds for the pipeline whatever it is fed. Needs no data and no binary:

    python -m unittest discover --start-directory models/toxicity/checks --top-level-directory models/toxicity --pattern '*.py'
"""
