/* FakeManifest.c - the manifest of the fake executable.
 *
 * Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * Constants in generated code; variables here, because the digest of the
 * weights is known at run time only. abi.h is left out for that reason.
 */

#include <string.h>

char dejavu_manifest[8192];
long dejavu_manifest_size;

void setFakeManifest(const char *text, long size) {
  memcpy(dejavu_manifest, text, size);
  dejavu_manifest_size = size;
}
