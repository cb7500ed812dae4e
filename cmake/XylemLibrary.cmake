# Every folder below relay/ is one library, declared once:
#
#   xylem_library(ring SOURCES doorbell.cc DEPENDS base metrics EXTERNAL Boost::headers)
#
# DEPENDS names the folders whose headers it may include; tests/tidy reads the same lines and holds
# every #include against them. EXTERNAL names libraries that only this folder may include.

# What is for building Xylem alone is not exported: who links the installed library has other flags.
add_library(xylem_flags INTERFACE)
target_compile_features(xylem_flags INTERFACE cxx_std_20)
set(private_flags -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Wformat=2 -Werror
  -fstack-protector-strong -fno-omit-frame-pointer)
# GCC 12 sees overlaps in std::string that are not there (its bug 105329).
list(APPEND private_flags $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)
target_compile_options(xylem_flags INTERFACE "$<BUILD_INTERFACE:${private_flags}>")
target_include_directories(xylem_flags INTERFACE
  $<BUILD_INTERFACE:${CMAKE_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}/xylem>)
if(XYLEM_SANITIZE)
  target_compile_options(xylem_flags INTERFACE -fsanitize=${XYLEM_SANITIZE} -fno-sanitize-recover=all)
  # Between a sanitizer's own instructions GCC 12 takes members of std::regex for uninitialised.
  target_compile_options(xylem_flags INTERFACE
    $<BUILD_INTERFACE:$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>>)
  target_link_options(xylem_flags INTERFACE -fsanitize=${XYLEM_SANITIZE})
elseif(CMAKE_BUILD_TYPE STREQUAL "Release" OR CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(xylem_flags INTERFACE
    "$<BUILD_INTERFACE:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>")
endif()
install(TARGETS xylem_flags EXPORT xylem)

function(xylem_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;EXTERNAL" ${ARGN})
  if(ARG_SOURCES)
    add_library(xylem_${name} STATIC ${ARG_SOURCES})
    set(scope PUBLIC)
  else()
    add_library(xylem_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  add_library(xylem::${name} ALIAS xylem_${name})
  set_target_properties(xylem_${name} PROPERTIES EXPORT_NAME ${name})
  list(TRANSFORM ARG_DEPENDS PREPEND xylem_ OUTPUT_VARIABLE depends)
  target_link_libraries(xylem_${name} ${scope} xylem_flags ${depends} ${ARG_EXTERNAL})
endfunction()
