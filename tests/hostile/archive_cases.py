"""Archives of images that are hostile in what is around their layers."""
import json
import os

from cases import accepted, refused
from formats import Docker
from layout import *

DOCKER = "docker-archive"
ARCHIVE = "oci-archive"
LAYER_TAR = tar(entry(b"f", b"x"))


def docker(*tars, **edits):
    image = Docker(*(tars or [LAYER_TAR]))
    for name, value in edits.items():
        setattr(image, name, value)
    return image


def with_manifest(edit):
    return docker(edit_manifest=lambda manifest: edit(manifest[0]))


@accepted("IMG-082", lambda tree: tree[b"f"].data() == b"x" and tree[b"g"] or 1 / 0, only=DOCKER)
def layers_that_are_links_to_layers():
    """What docker save wrote when two images shared a layer."""
    second = tar(entry(b"g", b"y"))

    def edit(members):
        members[:] = [member for member in members if member[0] != b"layer1/layer.tar"]
        members.append(entry(b"other/layer.tar", second))
        members.append(symlink(b"layer1/layer.tar", b"../other/layer.tar"))
    return docker(LAYER_TAR, second, edit_members=edit)


@refused("IMG-082", "missing from the archive|does not have|bytes", only=DOCKER)
def members_that_are_links_to_the_host():
    def replace(name, made):
        def edit(members):
            members[:] = [m for m in members if m[0] != name] + [made]
        return docker(edit_members=edit)
    layer = b"layer0/layer.tar"
    return [replace(layer, symlink(layer, target)) for target in
            (b"/etc/passwd", b"../../../../etc/passwd", b"/canary/secret", b"layer.tar", b"", b"x")] + [
            replace(layer, hardlink(layer, b"/etc/passwd")), replace(layer, directory(layer)),
            replace(layer, header(layer, b"6")), replace(layer, header(layer, b"3", major=1, minor=5)),
            replace(b"manifest.json", symlink(b"manifest.json", b"/proc/self/environ")),
            replace(b"manifest.json", header(b"manifest.json", b"6")),
            replace(b"manifest.json", symlink(b"manifest.json", b"manifest.json"))]


@refused("IMG-074", "missing from the archive|named|digest", only=DOCKER)
def names_in_a_manifest_that_are_paths():
    names = ["../../../etc/passwd", "/etc/passwd", "", "layer0/../layer0/layer.tar", "layer0",
             "blobs/sha256/" + "0" * 64, "layer0/layer.tar\n", "x" * 100000, "./../layer.tar"]
    return [with_manifest(lambda image, name=name: image.update(Layers=[name])) for name in names] + [
            with_manifest(lambda image, name=name: image.update(Config=name)) for name in
            [*names, "../" + "0" * 64 + ".json", "0" * 64 + ".json", "blobs/sha256/../../x",
             "manifest.json", "blobs/sha512/" + "0" * 128]]


@refused("IMG-074", "digest", only=DOCKER)
def configurations_under_another_digest():
    other = b"0123456789abcdef" * 4 + b".json"

    def edit(image):
        image.edit_manifest = lambda manifest: manifest[0].update(Config=other.decode())
        image.edit_members = lambda members: members.append((other, json.dumps(image.config).encode()))
        return image
    return edit(docker())


@refused("schema", "manifest.json", only=DOCKER)
def manifests_of_docker_of_the_wrong_shape():
    good = b'[{"Config":"c.json","Layers":[]}]'
    return [docker(manifest_bytes=data) for data in
            (b"", b" ", b"{}", b"[]", b"null", b"7", b'[7]', b"[[]]", good + b"x", good[:-1],
             b"\xef\xbb\xbf" + good, b'[{"Config":"a","Config":"b","Layers":[]}]',
             b'[{"Config":7,"Layers":[]}]', b'[{"Config":"c.json","Layers":{}}]',
             b'[{"Config":"c.json","Layers":[7]}]', b'[{"Config":"c.json"}]', b'[{"Layers":[]}]',
             b'[{"config":"c.json","Layers":[]}]', b'[{"Config":"c.json","layers":[]}]',
             b'[{"Config":"c.json","Layers":[],"RepoTags":"x"}]',
             b'[{"Config":"c.json","Layers":[],"RepoTags":[7]}]',
             b"[" * 100000, b"[" + b"{}," * 60000 + b"{}]", b'[{"a":"' + b"x" * 2**22 + b'"}]')]


@refused("IMG-080", "layers", only=DOCKER)
def too_many_layers_of_docker():
    return [with_manifest(lambda image: image.update(Layers=image["Layers"] * 129)),
            with_manifest(lambda image: image.update(Layers=image["Layers"] * 20000))]


@refused("tag", "several images|no image|name|HOST", only=DOCKER)
def several_images_of_docker():
    twice = docker(edit_manifest=lambda manifest: manifest.append(dict(manifest[0])))
    named = docker(edit_manifest=lambda manifest: manifest.append(dict(manifest[0])))
    named.reference = "docker-archive:%s:example.com/app:v1"
    other = docker()
    other.reference = "docker-archive:%s:example.com/app:v2"
    odd = [docker() for _ in range(4)]
    for image, tag in zip(odd, ("../x", "x\n", "a" * 10000, "EXAMPLE/..")):
        image.reference = "docker-archive:%s:" + tag
    return [twice, named, other, *odd]


@accepted("tag", lambda tree: tree[b"f"].data() == b"x" or 1 / 0, only=DOCKER)
def names_of_docker_that_steer():
    def edit(manifest):
        manifest[0]["RepoTags"] += ["\u001b[31m", "../../x", "a\nb", ""]
    image = docker(edit_manifest=edit)
    image.reference = "docker-archive:%s:example.com/app:v1"
    return image


def archive_bytes(data):
    return [docker(archive_bytes=data), OciBytes(data)]


class OciBytes:
    """An oci-archive: of these bytes."""

    def __init__(self, data):
        self.data = data

    def write(self, path):
        with open(path + ".tar", "wb") as file:
            file.write(self.data)
        return f"oci-archive:{path}.tar"


def members_of(count):
    return b"".join(header(b"%d" % i) for i in range(count)) + END


@refused("archive", "", only=DOCKER)
def archives_that_are_none():
    good = tar(entry(b"manifest.json", b"[]"), entry(b"index.json", b"{}"))
    sparse = b"\0" * 41 + octal(0, 12) + octal(1, 12) + b"\0" * 73 + octal(2**30, 12) + b"\0" * 17
    return [image for data in (
        b"", b"x", b"\0" * 511, b"\0" * 10240, b"PK\3\4" + b"\0" * 1000, good[:700], good[:-1400],
        gzip(good)[:-3], gzip(gzip(good)), gzip(b"\0" * 2**20) * 100, xz(good)[:-5], zstd(good)[:-2],
        b"\x1f\x8b", b"\xfd7zXZ\0", b"\x28\xb5\x2f\xfd", members_of(70000),
        tar(entry(b"manifest.json", b"[]"), entry(b"./manifest.json", b"[]")),
        tar(entry(b"index.json", b"{}"), entry(b"index.json", b"{}")),
        tar(header(b"manifest.json", b"S", 1, magic=b"ustar  \0", tail=sparse) + pad(b"x")),
        tar(header(b"manifest.json", size=base256(2**62, 12))),
        tar(header(b"index.json", size=2**32)), tar(pax([(b"size", b"99999999999")]), header(b"f")),
        tar(entry(b"manifest.json", b"x" * (2**22 + 1)), entry(b"index.json", b"x" * (2**22 + 1))),
        tar(entry(b"../manifest.json", b"[]"), entry(b"/index.json", b"[]")))
        for image in archive_bytes(data)]


class OciMembers(OciBytes):
    """A sound layout in an archive whose members edit() changes."""

    def __init__(self, edit):
        super().__init__(None)
        self.edit = edit

    def write(self, path):
        layout = Layout(LAYER_TAR)
        layout.write(path)
        members = {}
        for directory_name, _, names in os.walk(path):
            for name in names:
                whole = os.path.join(directory_name, name)
                with open(whole, "rb") as file:
                    members[os.path.relpath(whole, path).encode()] = file.read()
        parts = []
        self.edit(members, parts)
        self.data = tar(*(entry(name, data) for name, data in members.items()), *parts)
        return super().write(path) + ":v1"


@refused("IMG-082", "missing from the archive|not an OCI image layout|twice|bytes", only=ARCHIVE)
def layouts_in_archives_with_other_members():
    def link_away(name, target):
        def edit(members, parts):
            del members[name]
            parts.append(symlink(name, target))
        return OciMembers(edit)

    def blob_as(make):
        def edit(members, parts):
            name = next(name for name in members if name.startswith(b"blobs/"))
            parts.append(make(name, members.pop(name)))
        return OciMembers(edit)

    return [link_away(b"index.json", b"/canary/secret"), link_away(b"oci-layout", b"/proc/self/stat"),
            link_away(b"index.json", b"index.json"), link_away(b"index.json", b"../../../etc/passwd"),
            blob_as(lambda name, data: symlink(name, b"/dev/zero")),
            blob_as(lambda name, data: hardlink(name, b"/etc/passwd")),
            blob_as(lambda name, data: entry(b"x/../" + name, data)),
            blob_as(lambda name, data: entry(name.replace(b"sha256", b"SHA256"), data)),
            blob_as(lambda name, data: entry(name, data) + entry(name, data)),
            blob_as(lambda name, data: entry(name, data[:-1]))]


@accepted("IMG-082", lambda tree: tree[b"f"].data() == b"x" or 1 / 0, only=ARCHIVE)
def layouts_in_archives_as_tools_write_them():
    def dotted(members, parts):
        for name in list(members):
            members[b"./" + name] = members.pop(name)

    def linked(members, parts):
        for i, name in enumerate(list(members)):
            parts.append(entry(b"data/%d" % i, members.pop(name)))
            parts.append(symlink(name, b"../" * name.count(b"/") + b"data/%d" % i) if i % 2 else
                         hardlink(name, b"data/%d" % i))
        parts.append(directory(b"blobs/") + header(b"fifo", b"6") + entry(b"/etc/passwd", b"evil"))
    return [OciMembers(dotted), OciMembers(linked)]
