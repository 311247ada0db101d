"""What every case says of itself: which images, and what must become of them."""
CASES = []
OCI = "oci"


class Case:
    """number is that of README.md's table, text what the refusal must match or None, check what is
    called with the tree of an accepted image. only names the one format that the case is about;
    aci is what becomes of it as an appc image: (text, check), or None where it means nothing."""

    def __init__(self, number, function, text, check, only, aci):
        self.number, self.function, self.text, self.check = number, function, text, check
        self.only, self.aci = only, aci

    def expected(self, layer_format):
        if self.only:
            return (self.text, self.check) if layer_format.name == self.only else None
        if layer_format.is_aci and self.aci != "same":
            return self.aci
        return self.text, self.check


def refused(number, text, only=None, aci="same"):
    """Marks a function that returns an image, or a list of them, which must be refused."""
    def add(function):
        CASES.append(Case(number, function, text, None, only, aci))
        return function
    return add


def accepted(number, check=None, only=None, aci="same"):
    """Marks a function that returns images to be accepted; check gets the tree of each."""
    def add(function):
        CASES.append(Case(number, function, None, check, only, aci))
        return function
    return add
