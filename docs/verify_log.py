#!/usr/bin/env python3
"""Checks a Greenlight audit log without Greenlight: python3 verify_log.py FOLDER PUBLIC_KEY.pem   (needs the openssl program)"""
import base64, hashlib, json, os, subprocess, sys, tempfile

folder, key = sys.argv[1], sys.argv[2]
sha = lambda *parts: hashlib.sha256(b"".join(parts)).digest()
frontier, size, last, seen = [], 0, {}, {"README", "keys/0001"}

def signed(body, signature):  # Ed25519: 64 raw bytes over the body; ECDSA P-256: DER over its SHA-256
    with tempfile.TemporaryDirectory() as work:
        paths = [os.path.join(work, name) for name in ("body", "signature")]
        for path, content in zip(paths, (body, signature)):
            open(path, "wb").write(content)
        how = ["-rawin"] + ([] if len(signature) == 64 else ["-digest", "sha256"])
        command = ["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", key, "-in", paths[0], "-sigfile", paths[1], *how]
        return subprocess.run(command, capture_output=True).returncode == 0

def read(name):
    seen.add(name)
    return open(os.path.join(folder, name), "rb").read()

while os.path.exists(os.path.join(folder, f"batch/{size:016d}")):
    for line in read(f"batch/{size:016d}").split(b"\n")[:-1]:
        event, node, rest = json.loads(line), sha(b"\0", line), size
        while rest % 2:
            node, rest = sha(b"\1", frontier.pop(), node), rest // 2
        frontier.append(node)
        assert (event["seq"] - 1, event["prev"]) == last.get(event["rid"], (0, "")), f"line {size}: the chain of {event['rid']} is broken"
        last[event["rid"]], size, newest = (event["seq"], hashlib.sha256(line).hexdigest()), size + 1, event["ts"]
    body, signature = read(f"checkpoint/{size:016d}").split(b"\n\n")
    root = frontier[-1]
    for left in frontier[-2::-1]:
        root = sha(b"\1", left, root)
    assert body.decode().split("\n")[1:] == [str(size), base64.b64encode(root).decode()], f"the lines before {size} are not those that were signed"
    assert signed(body + b"\n", base64.b64decode(signature.split()[-1])[4:]), f"checkpoint {size} is not signed by this key"
present = {os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names}
assert present == seen, f"unexpected objects: {sorted(present ^ seen)[:3]}"
print(f"valid: complete up to {size} at {newest}; whether more was cut off, these files cannot tell" if size else "valid: the log is empty")
