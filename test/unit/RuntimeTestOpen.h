//===- RuntimeTestOpen.h - Programs for devices, written and opened -------===//
//
// Part of Sinter, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef SINTER_TEST_UNIT_RUNTIMETESTOPEN_H
#define SINTER_TEST_UNIT_RUNTIMETESTOPEN_H

#include "test/unit/RuntimeTestProgram.h"

#include <vector>

namespace sinter::test {

/// A bundle that is open, with the given device.
struct OpenWithDevice {
  OpenWithDevice(const std::filesystem::path &path, const sinter_device *device, const char *variant = nullptr) {
    sinter_program_options options = {};
    options.struct_bytes = sizeof options;
    options.variant = variant;
    const sinter_device *devices[] = {device};
    options.devices = devices;
    options.device_count = device ? 1 : 0;
    status = sinter_program_open(path.c_str(), &options, &program, &error);
  }
  ~OpenWithDevice() { sinter_program_close(program); }
  sinter_program *program = nullptr;
  sinter_status status;
  sinter_error error = {};
};

/// One that is written first.
struct Written {
  Written(const BundleDescription &bundle) { writeTestBundle(folder / "program", bundle); }
  TestFolder folder;
};
struct Opened : Written, OpenWithDevice {
  Opened(const BundleDescription &bundle, const sinter_device *device, const char *variant = nullptr)
      : Written(bundle), OpenWithDevice(folder / "program", device, variant) {}
};

using Bytes = std::vector<uint8_t>;

/// An output of the last run.
inline Bytes outputOf(const sinter_session *session, uint32_t index) {
  sinter_tensor tensor;
  EXPECT_EQ(sinter_session_get_output(session, index, &tensor), SINTER_OK);
  const auto *bytes = static_cast<const uint8_t *>(tensor.data);
  return Bytes(bytes, bytes + tensor.bytes);
}

} // namespace sinter::test

#endif // SINTER_TEST_UNIT_RUNTIMETESTOPEN_H
