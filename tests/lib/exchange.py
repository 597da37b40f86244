# SPDX-License-Identifier: Apache-2.0
#
# exchange.py PATH OTHER: exchanges two files or directories in one step (renameat2(2)); mv(1) of
# Debian 12 cannot. If PATH is absent, OTHER is renamed to it.
import ctypes
import errno
import os
import sys

AT_FDCWD = -100
RENAME_NOREPLACE = 1
RENAME_EXCHANGE = 2

libc = ctypes.CDLL(None, use_errno=True)


def rename(source, target, flags):
    """Returns 0 or the error."""
    if libc.renameat2(AT_FDCWD, os.fsencode(source), AT_FDCWD, os.fsencode(target), flags) == 0:
        return 0
    return ctypes.get_errno()


path, other = sys.argv[1:]
error = errno.EEXIST
while error == errno.EEXIST:  # another process has created or removed PATH meanwhile
    error = rename(other, path, RENAME_EXCHANGE)
    if error == errno.ENOENT:
        error = rename(other, path, RENAME_NOREPLACE)
if error:
    sys.exit("cannot exchange %s and %s: %s" % (path, other, os.strerror(error)))
