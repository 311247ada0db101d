"""Documents that are hostile, and documents that only look it: JSON, digests, configuration."""
import json
import os

from cases import accepted, refused
from layout import *


# Documents


def edited(**edits):
    layout = Layout(tar(entry(b"f", b"x")))
    for name, value in edits.items():
        setattr(layout, name, value)
    return layout


@refused("IMG-066", "twice")
def duplicate_keys():
    config = json.dumps(Layout(tar(entry(b"f", b"x"))).config).encode()
    return [edited(config_bytes=config[:-1] + b', "os": "linux"}'),
            edited(config_bytes=config[:-1] + b', "\\u006fs": "linux"}'),
            edited(config_bytes=config[:-1] + b', "x": [{"a": 1, "b": 2, "\\u0061": 3}]}')]


@refused("IMG-066", "where \"")
def keys_in_another_case():
    return [edited(edit_config=lambda c: c.update({"OS": "linux"})),
            edited(edit_manifest=lambda m: m.update({"Layers": []})),
            edited(edit_index=lambda i: i.update({"MANIFESTS": []}))]


@refused("IMG-068", "UTF-8|surrogate|NUL|control|escape")
def bad_strings():
    config = json.dumps(Layout(tar(entry(b"f", b"x"))).config).encode()
    return [edited(config_bytes=config[:-1] + b', "x": "' + text + b'"}') for text in
            (b"\xff", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82", b"\\ud800",
             b"\\ud800\\u0041", b"\\udc00", b"\\u0000", b"\n", b"\x00")]


@refused("IMG-070", "not JSON")
def lax_json():
    index = b'{"schemaVersion": 2, "manifests": []}'
    return [edited(index_bytes=data) for data in
            (b"\xef\xbb\xbf" + index, index + b" x", index + index, b"// c\n" + index,
             index.replace(b"2", b"NaN"), index.replace(b"[]", b"[],"), index.replace(b"2", b"02"),
             index.replace(b"2", b"+2"), index.replace(b"2", b"2."), index.replace(b"2", b".2"),
             index.replace(b"2", b"0x2"), index.replace(b'"', b"'"), b"", b" ", b"[" * 100000,
             b'{"a":' * 70 + b"1" + b"}" * 70, b"[" + b"1," * 200000 + b"1]", index[:-1] + b"\0}")]


@refused("IMG-072", "")
def every_prefix_of_a_document():
    manifest = b'{"schemaVersion": 2, "config": {"a": [1, "b\\n"]}, "layers": [], "x": -1.5e3}'
    return [edited(manifest_bytes=manifest[:n] or b" ") for n in range(0, len(manifest), 3)]


def with_digest(text):
    def edit(manifest):
        manifest["layers"][0]["digest"] = text
    return edited(edit_manifest=edit)


@refused("IMG-074", "not a digest")
def digests_that_are_paths():
    good = "0123456789abcdef" * 4
    return [with_digest(text) for text in
            ("sha256:../../x", "sha256:" + good.upper(), "sha256:" + good[1:], "sha256:" + good + "0",
             "md5:" + good[:32], "", "sha256:", ":" + good, "sha256:" + good[:-1] + "/",
             "sha512:" + good, "sha256-" + good, " sha256:" + good, "sha256:" + good[:-1] + "\n")]


@refused("digest", "missing from the (layout|archive)")
def missing_blob():
    return with_digest("sha256:" + "00" * 32)


@refused("digest", "does not have the digest")
def changed_blobs():
    def change(kind):
        def after(path):
            blobs = os.path.join(path, "blobs", "sha256")
            for name in os.listdir(blobs):
                with open(os.path.join(blobs, name), "r+b") as file:
                    data = file.read()
                    if kind in data[:30]:
                        file.seek(len(data) - 3)
                        file.write(bytes([data[-3] ^ 1]))
        return after
    return [edited(after=change(kind)) for kind in (b"\x1f\x8b", b'{"schema', b'{"arch')]


@refused("digest", "bytes, but its descriptor says")
def truncated_layer():
    def after(path):
        blobs = os.path.join(path, "blobs", "sha256")
        for name in os.listdir(blobs):
            with open(os.path.join(blobs, name), "r+b") as file:
                if file.read(2) == b"\x1f\x8b":
                    file.truncate(30)
    return edited(after=after)


@refused("digest", "not a regular file|cannot open|missing from the archive")
def blobs_that_are_no_files():
    def replace(make):
        def after(path):
            blobs = os.path.join(path, "blobs", "sha256")
            for name in os.listdir(blobs):
                os.unlink(os.path.join(blobs, name))
                make(os.path.join(blobs, name))
        return after
    return [edited(after=replace(make)) for make in
            (os.mkfifo, os.mkdir, lambda p: os.symlink("/dev/zero", p))]


@refused("IMG-076", "diff_id")
def wrong_diff_ids():
    def fewer(config):
        config["rootfs"]["diff_ids"] = []

    def more(config):
        config["rootfs"]["diff_ids"] *= 2

    def wrong(config):
        config["rootfs"]["diff_ids"][0] = "sha256:" + "00" * 32

    def malformed(config):
        config["rootfs"]["diff_ids"][0] = "sha256:../../../../x"
    return [edited(edit_config=edit) for edit in (fewer, more, wrong, malformed)]


def nest(depth):
    layout = Layout(tar(entry(b"f", b"x")))

    def edit(index):
        # The inner indexes are written beside the other blobs by put(), called from after().
        layout.inner = index["manifests"][0]

    def after(path):
        descriptor = dict(layout.inner)
        for _ in range(depth):
            inner = json.dumps({"schemaVersion": 2, "manifests": [descriptor]}).encode()
            descriptor = layout.describe(path, inner, INDEX)
        descriptor["annotations"] = layout.inner["annotations"]
        with open(os.path.join(path, "index.json"), "w") as file:
            json.dump({"schemaVersion": 2, "manifests": [descriptor]}, file)
    layout.edit_index, layout.after = edit, after
    return layout


@accepted("IMG-078", lambda tree: tree[b"f"])
def nested_index():
    return nest(2)


@refused("IMG-078", "nested")
def deeply_nested_index():
    return nest(40)


@refused("IMG-078", "values|several|the limit is")
def wide_index():
    def edit(count):
        return lambda index: index.update(manifests=[
            dict(index["manifests"][0], digest="sha256:%064x" % i) for i in range(count)])
    return [edited(edit_index=edit(count)) for count in (2, 10000, 25000)]


@refused("IMG-080", "layers")
def too_many_layers():
    return [Layout(*[tar(entry(b"f", b"x"))] * n) for n in (129, 2000)]


@accepted("IMG-080", lambda tree: tree[b"f"])
def one_layer_many_times():
    return Layout(*[tar(entry(b"f", b"x"))] * 128)


@refused("IMG-054", "layers have more than")
def layers_that_claim_terabytes():
    """Before a byte of them is fetched."""
    def grow(size):
        return lambda manifest: [layer.update(size=size) for layer in manifest["layers"]]
    layers = [tar(entry(b"%d" % i, b"x")) for i in range(60)]
    many = Layout(*layers)
    many.edit_manifest = grow(2**30)
    return [edited(edit_manifest=grow(2**40)), edited(edit_manifest=grow(2**53 - 1)), many]


@refused("IMG-084", "urls")
def foreign_layer():
    return edited(edit_manifest=lambda m: m["layers"][0].update(urls=["http://127.0.0.1/x"]))


@accepted("IMG-084", lambda tree: tree[b"f"].data() == b"x" or 1 / 0)
def embedded_data_is_not_used():
    return edited(edit_manifest=lambda m: m["layers"][0].update(data="ZXZpbA=="))


@refused("type", "not a type of layer|not a container image|not an image manifest")
def unknown_media_types():
    def layer(media_type):
        return lambda m: m["layers"][0].update(mediaType=media_type)
    artifact = edited(edit_manifest=lambda m: m["config"].update(mediaType="application/vnd.x"))
    return [edited(edit_manifest=layer(t)) for t in
            (LAYER + "+bzip2", "application/x", "", LAYER + "+gzip ", INDEX)] + [
            artifact, edited(edit_index=lambda i: i["manifests"][0].update(mediaType="x/y"))]


@refused("CVE-2021-41190", "at once|says that its type")
def index_and_manifest_at_once():
    return [edited(edit_manifest=lambda m: m.update(manifests=[])),
            edited(edit_manifest=lambda m: m.update(mediaType=INDEX)),
            edited(edit_index=lambda i: i.update(layers=[])),
            edited(edit_index=lambda i: i.update(mediaType=MANIFEST))]


@refused("schema", "schemaVersion|not an? |no |missing|rootfs|version")
def documents_of_the_wrong_shape():
    return [edited(edit_manifest=lambda m: m.update(schemaVersion=1)),
            edited(edit_manifest=lambda m: m.pop("layers")),
            edited(edit_manifest=lambda m: m.pop("config")),
            edited(edit_manifest=lambda m: m.update(layers={})),
            edited(edit_manifest=lambda m: m["layers"][0].pop("size")),
            edited(edit_manifest=lambda m: m["layers"][0].update(size=-1)),
            edited(edit_manifest=lambda m: m["layers"][0].update(size=1.5)),
            edited(edit_manifest=lambda m: m["layers"][0].update(size=2**63)),
            edited(edit_manifest=lambda m: m["layers"][0].update(size="1")),
            edited(edit_manifest=lambda m: m["layers"][0].pop("digest")),
            edited(edit_manifest=lambda m: m.update(layers=[7])),
            edited(config_bytes=b"[]"), edited(manifest_bytes=b"7"), edited(index_bytes=b"null"),
            edited(edit_config=lambda c: c.pop("rootfs")),
            edited(edit_config=lambda c: c["rootfs"].update(type="zip")),
            edited(edit_config=lambda c: c.update(config=[])),
            edited(marker=b"{}"), edited(marker=b'{"imageLayoutVersion":"2.0.0"}', ref="v1")]


@refused("platform", "linux/amd64")
def other_platforms():
    platform = {"platform": {"os": "linux", "architecture": "arm64"}}
    return [edited(edit_config=lambda c: c.update(architecture="arm64")),
            edited(edit_config=lambda c: c.update(os="windows")),
            edited(edit_index=lambda i: i["manifests"][0].update(platform))]


@refused("tag", "holds no image|several images")
def tags_that_name_nothing():
    def twice(index):
        index["manifests"].append(dict(index["manifests"][0], digest="sha256:" + "00" * 32))
    return [edited(ref="v2"), edited(ref=""), edited(edit_index=twice)]


# Configuration


def with_config(**members):
    return edited(edit_config=lambda c: c["config"].update(members))


@refused("IMG-092", "NAME=value|too long|strings|array")
def bad_variables():
    return [with_config(Env=env) for env in
            (["HOME"], ["=x"], [""], ["A=" + "x" * 2**20], ["A=b"] * 5000, [7], "A=b", {"A": "b"})]


@accepted("IMG-092")
def variables_are_data():
    return with_config(Env=["LD_PRELOAD=/evil.so", "PATH=", "A=new\nline", "B=\u001b[31m"])


@refused("IMG-096", "absolute")
def bad_paths():
    return [with_config(Volumes={path: {}}) for path in ("/../..", "x", "", "/a/../b", "/..")] + [
            with_config(WorkingDir=path) for path in ("x", "/a/..", "../x", "/" + "x" * 5000)]


@accepted("IMG-096")
def odd_volumes_are_the_guests_problem():
    return with_config(Volumes={"/": {}, "/dev": {}, "/proc": {}, "/..a": {}}, WorkingDir="/a/...")


@accepted("IMG-098")
def strings_that_look_like_options():
    return with_config(Entrypoint=["init=/bin/sh", "console=ttyS0", "a b 'c\" d"], User="0:0")


@refused("config", "malformed|unknown|string")
def bad_users_and_signals():
    return [with_config(User="a\nb"), with_config(User="x" * 300), with_config(User=7),
            with_config(StopSignal="SIGFOO"), with_config(StopSignal="65"),
            with_config(StopSignal="SIGRTMIN+99"), with_config(StopSignal=-1)]


@accepted("config")
def null_members():
    return with_config(Env=None, Cmd=None, Entrypoint=None, User=None, WorkingDir=None, Volumes=None,
                       StopSignal="SIGRTMIN+3", ExposedPorts=None)


@refused("IMG-086", "tag|reference|holds no image|not a")
def tags_that_are_paths():
    return [edited(named=tag) for tag in
            ("../x", "/etc/passwd", "v1\nnacelle-image: fine", "v" * 10000, "v1/..", "", ".", "v1:v2",
             "\x1b[2J", "v1@sha256:" + "0" * 64)]


@refused("IMG-086", "holds no image|tag|annotation")
def annotations_that_are_paths():
    def name(text):
        def edit(index):
            index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"] = text
        return edited(edit_index=edit)
    return [name(text) for text in ("../x", "v1\n", "V1", "v1 ", "\u202ev1", 7, ["v1"], None, {})]
