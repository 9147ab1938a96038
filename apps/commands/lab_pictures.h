// The pictures of the labs' handouts: what `gradus lab pictures` draws. They lie beside the handouts, so that these can be read where
// nothing is built.
#pragma once

#include <span>
#include <string>

namespace gradus {

struct LabPicture {
  int lab;
  const char* file;       ///< beside the handout: "training.svg"
  std::string (*draw)();  ///< the SVG
};
/// The table; at least one a lab, each named by its handout.
std::span<const LabPicture> lab_pictures();

/// Draws all of them into the labs below `folder`. Returns how many. Throws DataError where a lab is not there.
int write_lab_pictures(const std::string& folder);

}  // namespace gradus
