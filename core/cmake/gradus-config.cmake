# find_package(gradus CONFIG) gives gradus::gradus (float) and, where it had been built, gradus::gradus64 (double): link
# one of them.
include(${CMAKE_CURRENT_LIST_DIR}/gradus-dependencies.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/gradus-targets.cmake)
if(EXISTS ${CMAKE_CURRENT_LIST_DIR}/../../${CMAKE_STATIC_LIBRARY_PREFIX}gradus64${CMAKE_STATIC_LIBRARY_SUFFIX})
  include(${CMAKE_CURRENT_LIST_DIR}/gradus64-targets.cmake)
endif()
