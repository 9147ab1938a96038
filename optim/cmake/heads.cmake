# The table behind optim/heads.h: the comment at the head of every file that registers optimizers, read from the sources
# as the library is built. Included, this file defines the function; as a script (-P) it writes the table.
if(CMAKE_SCRIPT_MODE_FILE)
  file(GLOB files RELATIVE "${ROOT}" "${ROOT}/optim/rules/*.cpp" "${ROOT}/optim/transforms/*.cpp" "${ROOT}/optim/wrappers/*.cpp")
  set(rows "")
  foreach(file IN LISTS files)
    file(READ "${ROOT}/${file}" text)
    string(FIND "${text}" "\n#" end)  # the first #include
    if(text MATCHES "^//" AND end GREATER 0)
      string(SUBSTRING "${text}" 0 ${end} head)
      string(APPEND rows "    {\"${file}\", R\"head(${head})head\"},\n")
    endif()
  endforeach()
  file(WRITE "${OUTPUT}" "// Made by optim/cmake/heads.cmake.\n#include \"optim/heads.h\"\n\nnamespace gradus {\n\n"
       "std::span<const SourceHead> source_heads() {\n  static constexpr SourceHead kHeads[] = {\n${rows}  };\n  return kHeads;\n}\n\n"
       "}  // namespace gradus\n")
  return()
endif()

# Sets `variable` to the file that is made for the sources below `root`; targets that compile it depend on `${target}`.
function(gradus_optimizer_heads variable target root)
  set(output "${CMAKE_CURRENT_BINARY_DIR}/generated/optimizer_heads.cpp")
  file(GLOB files CONFIGURE_DEPENDS "${root}/optim/rules/*.cpp" "${root}/optim/transforms/*.cpp" "${root}/optim/wrappers/*.cpp")
  add_custom_command(OUTPUT "${output}" VERBATIM DEPENDS ${files} "${root}/optim/cmake/heads.cmake"
                     COMMAND ${CMAKE_COMMAND} "-DROOT=${root}" "-DOUTPUT=${output}" -P "${root}/optim/cmake/heads.cmake"
                     COMMENT "Reading the heads of the optimizers' files")
  add_custom_target(${target} DEPENDS "${output}")
  set(${variable} "${output}" PARENT_SCOPE)
endfunction()
