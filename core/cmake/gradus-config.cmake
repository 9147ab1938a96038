# find_package(gradus CONFIG) gives gradus::gradus (float) and gradus::gradus64 (double): link one of them.
include(${CMAKE_CURRENT_LIST_DIR}/gradus-dependencies.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/gradus-targets.cmake)
