"""App Container Images that are hostile: their archive, their manifest, their whitelist."""
import json

from cases import accepted, refused
from formats import AciFile
from layout import *

ACI = "aci"
SOUND = tar(directory(b"rootfs"), entry(b"rootfs/f", b"x"))


def raw(*parts):
    """An archive of exactly these members."""
    aci = AciFile()
    aci.archive_bytes = tar(*parts)
    return aci


def with_manifest(edit=None, data=None, tree=SOUND):
    aci = AciFile(tree)
    aci.edit_manifest = edit or aci.edit_manifest
    aci.manifest_bytes = data
    return aci


def plain_names(function):
    """These cases write rootfs/ themselves."""
    def made():
        kept, prefixes["name"] = prefixes["name"], b""
        try:
            return function()
        finally:
            prefixes["name"] = kept
    made.__name__ = function.__name__
    return made


MANIFEST = json.dumps(AciFile().manifest).encode()


@refused("IMG-004", "upwards|only manifest and rootfs|directory", only=ACI)
@plain_names
def names_outside_of_rootfs():
    manifest = entry(b"manifest", MANIFEST)
    names = [b"rootfs/../../x", b"rootfs/../x", b"rootfs/a/../../../x", b"../rootfs/x", b"rootfsx/evil",
             b"rootfs.x", b"etc/passwd", b"/etc/passwd", b"manifest/x", b"rootfs/..", b"x", b"Rootfs/x",
             b"./../rootfs/f", b"manifest.json"]
    return [raw(manifest, directory(b"rootfs"), entry(name, b"x")) for name in names] + [
            raw(manifest, symlink(b"rootfs", b"/canary"), entry(b"rootfs/f", b"x")),
            raw(manifest, entry(b"rootfs", b"x")), raw(manifest, header(b"rootfs", b"6")),
            raw(manifest, hardlink(b"rootfs", b"manifest"))]


@refused("IMG-034", "manifest", only=ACI)
@plain_names
def manifests_that_are_no_files():
    root = directory(b"rootfs")
    return [raw(root, header(b"manifest", b"6")), raw(root, symlink(b"manifest", b"/proc/self/environ")),
            raw(root, entry(b"rootfs/m", MANIFEST), hardlink(b"manifest", b"rootfs/m")),
            raw(root, directory(b"manifest")), raw(root, header(b"manifest", b"3", major=1, minor=5)),
            raw(root, entry(b"manifest", MANIFEST), entry(b"manifest", MANIFEST)),
            raw(root, entry(b"manifest", MANIFEST), entry(b"./manifest", MANIFEST)), raw(root),
            raw(entry(b"manifest", MANIFEST[:-1]), root), raw(entry(b"manifest", b""), root),
            raw(entry(b"manifest", MANIFEST + b" " * 2**23), root)]


@refused("IMG-020", "twice|only manifest", only=ACI)
@plain_names
def members_of_an_aci_twice():
    head = entry(b"manifest", MANIFEST) + directory(b"rootfs")
    return [raw(head, entry(b"rootfs/f", b"1"), entry(b"rootfs/f", b"2")),
            raw(head, entry(b"rootfs/f", b"1"), entry(b"rootfs//./f", b"2")),
            raw(head, entry(b"rootfs/f", b"1"), symlink(b"rootfs/f", b"x")),
            raw(head, directory(b"rootfs/d"), entry(b"rootfs/d", b"2"))]


def set_all(**members):
    return with_manifest(lambda manifest: manifest.update(members))


def set_app(**members):
    return with_manifest(lambda manifest: manifest["app"].update(members))


@refused("IMG-088", "manifest|acKind|acVersion|name|label|os|arch", only=ACI)
@plain_names
def manifests_that_lie():
    label = {"name": "version", "value": "1"}
    return [set_all(acKind="PodManifest"), set_all(acKind=7), set_all(acVersion="99.0.0"),
            set_all(acVersion="x"), set_all(acVersion=None), set_all(name="Bad Name"), set_all(name=""),
            set_all(name="../x"), set_all(name="a/../b"), set_all(name="/x"), set_all(name="x/"),
            set_all(name="a\nb"), set_all(name="a" * 100000), set_all(name="oci:/srv/x"), set_all(name=7),
            set_all(name="\u202egro"), set_all(labels={}), set_all(labels=[7]),
            set_all(labels=[label, label]), set_all(labels=[{"name": "name", "value": "x"}]),
            set_all(labels=[{"name": "os", "value": "windows"}]),
            set_all(labels=[{"name": "os", "value": "linux"}, {"name": "arch", "value": "vax"}]),
            set_all(labels=[{"name": "Bad!", "value": "x"}]),
            with_manifest(data=MANIFEST[:-1] + b', "name": "example.com/other"}'),
            with_manifest(data=MANIFEST.replace(b'"name"', b'"Name"')),
            with_manifest(data=b"[]"), with_manifest(data=b"null"), with_manifest(data=b"\xff"),
            with_manifest(data=MANIFEST + MANIFEST), with_manifest(data=b"[" * 100000)]


@refused("IMG-090", "pathWhitelist|upwards|absolute|NUL", only=ACI)
@plain_names
def whitelists_that_lead_upwards():
    return [set_all(pathWhitelist=paths) for paths in
            (["/../x"], ["/a/../../x"], ["x"], [""], [7], {}, "x", ["/f\u0000"], ["/" + "x" * 5000],
             ["/.."])]


@accepted("IMG-090", lambda tree: b"f" in tree and b"canary" not in tree or 1 / 0, only=ACI)
@plain_names
def whitelists_through_links():
    tree = tar(directory(b"rootfs"), entry(b"rootfs/f", b"x"), symlink(b"rootfs/d", b"/canary"))
    return with_manifest(lambda manifest: manifest.update(pathWhitelist=["/f", "/d"]), tree=tree)


@refused("IMG-092", "environment|variable|NAME|name|string|too", only=ACI)
@plain_names
def bad_variables_of_an_app():
    return [set_app(environment=env) for env in
            ([{"name": "", "value": "x"}], [{"name": "A=B", "value": "x"}], [{"value": "x"}], [7], {},
             [{"name": "A", "value": "x" * 2**21}], [{"name": "A\n", "value": "x"}],
             [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}])]


@refused("IMG-096", "mountPoint|path|absolute|name|twice|upwards", only=ACI)
@plain_names
def bad_mount_points():
    return [set_app(mountPoints=points) for points in
            ([{"name": "x", "path": "/../.."}], [{"name": "x", "path": "y"}], [{"name": "x", "path": ""}],
             [{"name": "X y", "path": "/x"}], [{"path": "/x"}], [7], {},
             [{"name": "x", "path": "/x"}, {"name": "x", "path": "/y"}])]


@refused("IMG-100", "isolator|event|handler|exec|command|path|number|quantity|upwards|user|group|port",
         only=ACI)
@plain_names
def bad_isolators_and_handlers():
    def isolator(name, value):
        return set_app(isolators=[{"name": name, "value": value}])
    memory = {"name": "resource/memory", "value": {"limit": "1G"}}
    handler = {"name": "pre-start", "exec": ["/bin/true"]}
    return [isolator("resource/cpu", {"limit": "-1"}), isolator("resource/memory", {"limit": "2E70"}),
            isolator("resource/memory", {"limit": str(2**70)}), isolator("resource/memory", {"limit": ""}),
            isolator("resource/memory", {"limit": "1e9999"}), isolator("resource/memory", 7),
            isolator("resource/memory", {"limit": "99999999999999999999G"}), isolator("", {}),
            isolator("Bad Name", {}),
            isolator("os/linux/capabilities-retain-set", {"set": []}),
            set_app(isolators=[memory, memory]), set_app(isolators={}), set_app(isolators=[7]),
            set_app(eventHandlers=[dict(handler, name="../x")]), set_app(eventHandlers=[handler, handler]),
            set_app(eventHandlers=[dict(handler, exec=[])]), set_app(eventHandlers=[7]),
            set_app(exec=[7]), set_app(exec="x"), set_app(user=""), set_app(user="../../etc/shadow"), set_app(group=7),
            set_app(ports=[{"name": "x", "protocol": "tcp", "port": 70000}])]


@refused("dependencies", "depend|store|image", only=ACI)
@plain_names
def dependencies_that_are_not_there():
    return [set_all(dependencies=value) for value in
            ([{"imageName": "example.com/base"}], [{"imageName": "example.com/app"}], [{}], [7], {},
             [{"imageName": "../x"}], [{"imageName": "example.com/b", "imageID": "sha512-../../x"}],
             [{"imageName": "example.com/b", "imageID": "sha512-" + "0" * 128}],
             [{"imageName": "example.com/b", "size": -1}], [{"imageName": "example.com/b"}] * 2000)]
