# Helpers of the build. Libraries are plain static libraries that link the
# two shared ones, `MLIR` and `LLVM`, and never a static MLIR library: mixing
# them gives two copies of MLIR in one process.

# dejavu_add_library(Name SOURCE... [DEPENDS target...] [LINK_LIBS lib...])
#
# A library of the compiler. DEPENDS names tablegen targets.
function(dejavu_add_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;LINK_LIBS" ${ARGN})
  add_library(${name} STATIC ${ARG_UNPARSED_ARGUMENTS})
  if(ARG_DEPENDS)
    add_dependencies(${name} ${ARG_DEPENDS})
  endif()
  target_link_libraries(${name} PUBLIC ${ARG_LINK_LIBS} MLIR LLVM)
  if(DEJAVU_ENABLE_PCH)
    target_precompile_headers(${name} REUSE_FROM DejavuPrecompiled)
  endif()
  set_property(GLOBAL APPEND PROPERTY DEJAVU_LIBRARIES ${name})
  install(TARGETS ${name} ARCHIVE DESTINATION lib)
endfunction()

# dejavu_add_tool(name SOURCE... [LINK_LIBS lib...])
function(dejavu_add_tool name)
  cmake_parse_arguments(ARG "" "" "LINK_LIBS" ${ARGN})
  add_executable(${name} ${ARG_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${ARG_LINK_LIBS} MLIR LLVM)
  install(TARGETS ${name} RUNTIME DESTINATION bin)
endfunction()
