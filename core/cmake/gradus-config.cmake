# find_package(gradus CONFIG) gives gradus::gradus (float) and, where they had been built, gradus::train (training and the
# command line as a library), gradus::gradus64 and gradus::train64 (double): link one element type.
include(${CMAKE_CURRENT_LIST_DIR}/gradus-dependencies.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/gradus-targets.cmake)
foreach(part gradus_apps=gradus-train gradus64=gradus64 gradus64_apps=gradus64-train)
  string(REPLACE "=" ";" part ${part})
  list(GET part 0 archive)
  list(GET part 1 targets)
  if(EXISTS ${CMAKE_CURRENT_LIST_DIR}/../../${CMAKE_STATIC_LIBRARY_PREFIX}${archive}${CMAKE_STATIC_LIBRARY_SUFFIX})
    include(${CMAKE_CURRENT_LIST_DIR}/${targets}-targets.cmake)
  endif()
endforeach()
