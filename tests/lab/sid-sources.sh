#!/bin/bash
# sid-sources.sh FOLDER: writes into FOLDER the machine's own apt sources, as sources of Debian sid.
#
# Those of its release are taken: whoever set the machine up knows where packages come from. /etc/apt stays as it is.
set -euo pipefail
folder=$1
release=$(. /etc/os-release && echo "$VERSION_CODENAME")
mkdir -p "$folder"
shopt -s nullglob
for file in /etc/apt/sources.list.d/*.sources; do
  # Paragraphs, of which those count that name the release itself, not its updates.
  sed '/^#/d' "$file" | awk -v RS= -v ORS='\n\n' -v release="$release" '
    ("\n" $0 "\n") ~ ("\nSuites:([^\n]*[ \t])?" release "[ \t\n]") && $0 !~ /(^|\n)Enabled:[ \t]*no/ {
      gsub(/(^|\n)(Types|Suites|Components):[^\n]*/, "")
      sub(/^\n/, "")
      print "Types: deb\nSuites: sid\nComponents: main\n" $0
    }' > "$folder/$(basename "$file")"
done
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
  [ ! -e "$file" ] || sed -nE "s#^deb[ \t]+((\[[^]]*\][ \t]+)?[^ \t]+)[ \t]+$release[ \t].*#deb \1 sid main#p" "$file" > "$folder/$(basename "$file" .list).list"
done
find "$folder" -type f -empty -delete
