"""What every case says of itself: which images, and what must become of them."""
CASES = []


def refused(number, text):
    """Marks a function that returns a layout, or a list of them, which must be refused."""
    def add(function):
        CASES.append((number, function, text, None))
        return function
    return add


def accepted(number, check=None):
    """Marks a function that returns a layout to be accepted; check gets the tree of the image."""
    def add(function):
        CASES.append((number, function, None, check))
        return function
    return add
