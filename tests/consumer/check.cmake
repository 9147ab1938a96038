# Installs the build into a folder of its own, builds the consumer against it and runs it; then configures the consumer
# with gradus inside. Needs BUILD, SOURCE, SCRATCH, GENERATOR, CXX.
function(run)
  execute_process(COMMAND ${ARGV} RESULT_VARIABLE code OUTPUT_VARIABLE out ERROR_VARIABLE out)
  if(code)
    message(FATAL_ERROR "${ARGV}\n${out}")
  endif()
  set(out "${out}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${SCRATCH})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${SCRATCH}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE}/tests/consumer -B ${SCRATCH}/installed -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX}
    -DCMAKE_PREFIX_PATH=${SCRATCH}/prefix)
run(${CMAKE_COMMAND} --build ${SCRATCH}/installed)
run(${SCRATCH}/installed/consumer)
if(NOT out MATCHES "\\[6, 8\\]")
  message(FATAL_ERROR "the consumer printed ${out}")
endif()
run(${SCRATCH}/prefix/bin/gradus --version)
run(${CMAKE_COMMAND} -S ${SOURCE}/tests/consumer -B ${SCRATCH}/inside -G ${GENERATOR} -DCMAKE_CXX_COMPILER=${CXX}
    -DGRADUS_SOURCE=${SOURCE})
file(REMOVE_RECURSE ${SCRATCH})
