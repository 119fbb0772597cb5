#!/bin/sh
# Contents/MacOS/Keepsake: the agent, on the Node.js that comes with it. Opened a second time it finds the first one and ends.
# Not tried on a Mac yet.
program="$(cd "$(dirname "$0")/../Resources/keepsake" && pwd)"
UV_THREADPOOL_SIZE=12 exec "$program/node_modules/@runtime@/bin/node" @flags@ "$program/bin/keepsake.js" agent
