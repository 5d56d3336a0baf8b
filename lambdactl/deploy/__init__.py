"""Desired state minus live state is a plan; a plan can be read, saved and applied.

``desired/`` says what there should be, ``kinds/`` reads and changes what there is, ``planning.py``
compares the two, ``executor.py`` takes the steps. The tags of what there is are all the state there
is: no file can be lost (docs/decisions/0009-deploy.md).
"""
