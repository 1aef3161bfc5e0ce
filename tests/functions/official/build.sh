#!/bin/sh
# The native part of AWS's runtime client, with the system's libcurl instead of the one that it brings along.
set -e
cd "$(dirname "$0")/node_modules/aws-lambda-ric"
node=$(node -p 'require("path").resolve(process.execPath, "../../include/node")')
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
tar xzf deps/aws-lambda-cpp-*.tar.gz -C "$made" --strip-components=1 --no-same-owner
sed 's/@[A-Za-z_]*@/0/g' "$made/src/version.cpp.in" >"$made/src/version.cpp"
g++ -std=c++17 -O1 -w -shared -fPIC -DNODE_GYP_MODULE_NAME=rapid_client -I"$node" -I../node-addon-api -I"$made/include" \
  src/rapid-client.cc "$made/src/runtime.cpp" "$made/src/logging.cpp" "$made/src/backward.cpp" \
  "$made/src/version.cpp" -lcurl -o "$made/rapid-client.node"
mv "$made/rapid-client.node" dist/
