#!/bin/bash
# build.sh TARBALL WORK WHEELS: builds pjproject of TARBALL in the folder WORK, which is removed, and puts the wheel into WHEELS.
# PYTHON is the interpreter that it is for.
set -euo pipefail
recipe=$(cd "$(dirname "$0")" && pwd)
tarball=$(readlink -f "$1") work=$2
mkdir -p "$3"
wheels=$(cd "$3" && pwd)
# Ours to count: raised where the recipe makes another wheel of the same pjproject.
build=6
checksum=$(sha256sum "$tarball" | cut -d' ' -f1)
echo "tarball $(basename "$tarball")"
echo "sha256  $checksum"

rm -rf "$work"
mkdir -p "$work/wheel/pjsua2"
tar --extract --file "$tarball" --directory "$work" --strip-components=1 --one-top-level=source
cd "$work/source"
version=$(make --no-print-directory -s -f version.mak --eval 'shown: ; @echo $(PJ_VERSION)' shown)+softphonefleet.$build
echo "version $version"

cp "$recipe/config_site.h" pjlib/include/pj/config_site.h
for patch in "$recipe"/patches/*.patch; do
  patch --quiet --strip 1 --fuzz 0 < "$patch" || { echo "$(basename "$patch") does not fit this pjproject" >&2; exit 1; }
done
# Debian's tarball lacks files that are not free; this one would be empty without its sound card anyway.
touch pjmedia/src/pjmedia-audiodev/bdimad_dev.c
export CFLAGS="-O2 -g0 -fPIC -DNDEBUG"
export CXXFLAGS=$CFLAGS
quiet() { "$@" > "$work/log" 2>&1 || { tail -n 40 "$work/log" >&2; exit 1; }; }
# Of the codecs those stay that pjproject itself holds (G.711, G.722, L16): no other library is then needed where it runs.
quiet ./aconfigure --enable-epoll --disable-video --disable-sound --disable-libsrtp --disable-resample --disable-speex-aec \
  --disable-speex-codec --disable-gsm-codec --disable-ilbc-codec --disable-g7221-codec --disable-opus --disable-silk \
  --disable-opencore-amr --disable-bcg729 --disable-lyra --disable-libyuv --disable-libwebrtc --disable-upnp \
  --disable-sdl --disable-ffmpeg --disable-v4l2 --disable-openh264 --disable-vpx
for found in 'PJ_HAS_SSL_SOCK 1' 'PJMEDIA_HAS_VIDEO 0'; do
  grep -rq "^#\s*define\s*${found// /\\s*}" pjlib/include/pj/compat/os_auto.h pjlib/include/pj/config_site.h \
    || { echo "pjproject was configured without $found" >&2; exit 1; }
done
PJ_CFLAGS="$(make --no-print-directory -C pjsip-apps/src/swig/python -f helper.mak cflags | tr '\n' ' ')"
quiet make dep
quiet make -j "$(nproc)" lib

cd pjsip-apps/src/swig/python
includes=(-I../../../../{pjlib,pjlib-util,pjmedia,pjsip,pjnath}/include)
unused='Buddy|AudioMedia|VideoMedia|Tone|AudioDev|VideoDev|Codec|MediaFormat|CallMedia|Rtcp'
{
  echo '%module(directors="1") pjsua2'
  echo '%include "unused.i"'
  sed -E "/%template\(($unused)/d" ../pjsua2.i # vectors of what is not there
  echo '%include "client.i"'
} > agent.i
quiet swig -c++ -w312 -threads "${includes[@]}" -I.. -I"$recipe" -python -outdir . -o "$work/wheel/pjsua2_wrap.cpp" agent.i
mv pjsua2.py "$work/wheel/pjsua2/__init__.py"
PJ_LDFLAGS="$(make --no-print-directory -f helper.mak ldflags | tr '\n' ' ') \
  $(make --no-print-directory -f helper.mak libs | sed 's/^/-l/' | tr '\n' ' ') -s"
export PJ_CFLAGS PJ_LDFLAGS WHEEL_VERSION=$version

cd "$work/wheel"
cp "$recipe"/{setup.py,client.h,client.cpp,calls.cpp} .
{
  echo "pjsua2 of pjproject, built for softphone-fleet by images/pjsua2."
  echo
  echo "Tarball: $(basename "$tarball")"
  echo "Tarball-SHA256: $checksum"
  echo "OpenSSL: $(awk '$2 == "OPENSSL_VERSION_TEXT" {$1 = $2 = ""; print}' <(echo '#include <openssl/opensslv.h>' | gcc -E -dM -))"
} > DESCRIPTION
quiet "$recipe/../build-wheel.sh" "$wheels" .
cd /
rm -rf "$work"
