# find_package(xylem) gives the target xylem::client: Dispatcher and Receiver.
include(CMakeFindDependencyMacro)
find_dependency(Threads)
find_dependency(fmt)
find_dependency(simdjson)
find_dependency(Boost 1.74)
find_dependency(PkgConfig)
pkg_check_modules(ZMQ REQUIRED IMPORTED_TARGET libzmq)
include(${CMAKE_CURRENT_LIST_DIR}/xylem-targets.cmake)
