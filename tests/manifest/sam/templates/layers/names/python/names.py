NAMES = ["layer"]
