# find_package(nelloc): the targets nelloc::nelloc, shared, and nelloc::nelloc_static.
include(CMakeFindDependencyMacro)
find_dependency(ZLIB)
find_dependency(LibLZMA)
include("${CMAKE_CURRENT_LIST_DIR}/nelloc-targets.cmake")
