# SPDX-License-Identifier: Apache-2.0
# After `cmake --install`: find_package(srpi) gives srpi::srpi, pkg-config gives srpi.
# Components, for `cmake --install --component`: runtime (a shared library), development (headers, archive, CMake and
# pkg-config files), daemon (srp-nbd).
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/srpi)

install(TARGETS srpi EXPORT srpiTargets
        LIBRARY COMPONENT runtime NAMELINK_COMPONENT development
        ARCHIVE COMPONENT development)
install(DIRECTORY ${CMAKE_CURRENT_LIST_DIR}/../libsrpi/include/srpi DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}
        COMPONENT development)
install(EXPORT srpiTargets NAMESPACE srpi:: DESTINATION ${package_dir} COMPONENT development)
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/srpiConfig.cmake.in ${PROJECT_BINARY_DIR}/srpiConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/srpiConfigVersion.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${PROJECT_BINARY_DIR}/srpiConfig.cmake ${PROJECT_BINARY_DIR}/srpiConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT development)
# Relocatable: `cmake --install --prefix` may choose another place than was configured.
file(RELATIVE_PATH up_to_prefix /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
# A program that links the static library also links what that one needs; a shared library has it linked already.
get_target_property(library_type srpi TYPE)
if(library_type STREQUAL SHARED_LIBRARY)
  set(pc_libraries "Libs: -L\${libdir} -lsrpi\nRequires.private: librdmacm libibverbs fmt\nLibs.private: -lstdc++ -pthread")
else()
  set(pc_libraries "Libs: -L\${libdir} -lsrpi -lstdc++ -pthread\nRequires: librdmacm libibverbs fmt")
endif()
configure_file(${CMAKE_CURRENT_LIST_DIR}/srpi.pc.in ${PROJECT_BINARY_DIR}/srpi.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/srpi.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
