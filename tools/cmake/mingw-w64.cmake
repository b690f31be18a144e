# Build for Windows with mingw-w64 and run the tests through Wine:
#   cmake -S . -B build-win64 -G Ninja -DCMAKE_TOOLCHAIN_FILE=tools/cmake/mingw-w64.cmake
# -DWIN_ARCH=i686 for 32 bit.
set(CMAKE_SYSTEM_NAME Windows)
set(CMAKE_SYSTEM_VERSION 10.0)
if(NOT DEFINED WIN_ARCH)
  set(WIN_ARCH x86_64)
endif()
set(CMAKE_SYSTEM_PROCESSOR ${WIN_ARCH})
# try_compile() starts with an empty cache: hand the variable on.
list(APPEND CMAKE_TRY_COMPILE_PLATFORM_VARIABLES WIN_ARCH)

set(CMAKE_C_COMPILER ${WIN_ARCH}-w64-mingw32-gcc)
set(CMAKE_RC_COMPILER ${WIN_ARCH}-w64-mingw32-windres)
set(CMAKE_FIND_ROOT_PATH /usr/${WIN_ARCH}-w64-mingw32)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)

# The compiler's own DLLs would have to be found at run time: link them in.
set(CMAKE_EXE_LINKER_FLAGS_INIT "-static")
set(CMAKE_SHARED_LINKER_FLAGS_INIT "-static-libgcc")

# add_test(COMMAND target) then goes through Wine.
find_program(WINE_PROGRAM NAMES wine wine-stable)
if(WINE_PROGRAM)
  set(CMAKE_CROSSCOMPILING_EMULATOR ${WINE_PROGRAM})
endif()
