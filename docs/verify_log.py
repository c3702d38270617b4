#!/usr/bin/env python3
"""Checks a Greenlight audit log without Greenlight: python3 verify_log.py FOLDER PUBLIC_KEY.pem [ANCHOR...]   (needs the openssl program)"""
import base64, hashlib, json, os, subprocess, sys, tempfile

folder, trusted, anchors = sys.argv[1], sys.argv[2], sys.argv[3:]
sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
frontier, size, last, seen, newest = [], 0, {}, {"README"}, ""

def signed(text, signature, spki):  # Ed25519: 64 raw bytes over the text; ECDSA P-256: DER over its SHA-256
    with tempfile.TemporaryDirectory() as work:
        paths = [os.path.join(work, name) for name in ("text", "signature", "key")]
        for path, content in zip(paths, (text, signature, spki)):
            open(path, "wb").write(content)
        how = ["-rawin"] + ([] if len(signature) == 64 else ["-digest", "sha256"])
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", paths[2], "-in", paths[0], "-sigfile", paths[1], *how]
        return subprocess.run(command, capture_output=True).returncode == 0

def read(name):
    seen.add(name)
    return open(os.path.join(folder, name), "rb").read()

def note(data):  # text, and its one signature without the key id
    text, signature = data.rsplit(b"\n\n", 1)
    return text + b"\n", base64.b64decode(signature.split()[-1])[4:]

def whole(parts):  # root over the perfect subtrees, in base64
    root = parts[-1]
    for left in parts[-2::-1]:
        root = sha(b"\1", left, root)
    return base64.b64encode(root).decode()

kept = {int(at): root for _, at, root, *_ in (open(name).read().split("\n") for name in anchors)}
keys = []  # (signs checkpoints above this size, key): each one is declared by the one before it
while os.path.exists(os.path.join(folder, f"keys/{len(keys) + 1:04d}")):
    text, signature = note(read(f"keys/{len(keys) + 1:04d}")) if keys else (read("keys/0001"), b"")
    assert not keys or signed(text, signature, keys[-1][1]), f"key {len(keys) + 1} is not declared by the key before it"
    keys.append((json.loads(text)["fromSize"], base64.b64decode(json.loads(text)["spki"])))
pem = "".join(line.strip() for line in open(trusted) if "-----" not in line)
assert not keys or base64.b64decode(pem) in [key for _, key in keys], "the log is not signed by this key"
while os.path.exists(os.path.join(folder, f"batch/{size:016d}")):
    for line in read(f"batch/{size:016d}").split(b"\n")[:-1]:
        event, node, rest = json.loads(line), sha(b"\0", line), size
        while rest % 2:
            node, rest = sha(b"\1", frontier.pop(), node), rest // 2
        frontier.append(node)
        assert (event["seq"] - 1, event["prev"]) == last.get(event["rid"], (0, "")), f"line {size}: the chain of {event['rid']} is broken"
        last[event["rid"]], size, newest = (event["seq"], hashlib.sha256(line).hexdigest()), size + 1, event["ts"]
        assert size not in kept or kept[size] == whole(frontier), f"the lines before {size} are not those of the anchor"
    text, signature = note(read(f"checkpoint/{size:016d}"))
    assert text.decode().split("\n")[1:3] == [str(size), whole(frontier)], f"the lines before {size} are not those that were signed"
    key = [key for start, key in keys if start < size][-1]
    assert signed(text, signature, key), f"checkpoint {size} is not signed by the key of its range"
assert max(kept, default=0) <= size, f"the end was cut off: an anchor saw {max(kept, default=0)} lines"
present = {os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names}
unexpected = sorted(name for name in present ^ seen if not name.startswith("tile/"))  # tiles are derived from the lines and prove nothing
assert not unexpected, f"unexpected objects: {unexpected[:3]}"
tail = "an anchor covers the end" if size in kept else "whether more was cut off, these files cannot tell"
assert size, "there is no log in this folder: nothing was verified"
print(f"valid: complete up to {size} at {newest}; {tail}")
