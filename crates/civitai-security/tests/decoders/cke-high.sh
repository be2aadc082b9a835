#!/bin/sh
# Opens a container of level high with the openssl program (3.0 or later) and nothing but docs/container-format.md:
#
#     cke-high.sh KEY.pem FILE > CONTENT
#
# Only slots of type 3: openssl has no ML-KEM before 3.5.
set -eu
key=$1 file=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

die() { echo "refused: $1" >&2; exit 7; }
part() { tail -c +$(($2 + 1)) "$1" | head -c "$3"; }                     # FILE OFFSET LENGTH
hex() { od -An -v -tx1 | tr -d ' \n'; }
number() { printf %d "0x$(part "$file" "$1" "$2" | hex)"; }              # OFFSET LENGTH
derive() {                                                               # INFO LENGTH
    openssl kdf -keylen "$2" -kdfopt digest:SHA256 -kdfopt "hexkey:$file_key" -kdfopt "hexsalt:$id" \
        -kdfopt "info:$1" -binary HKDF | hex
}
mac() { openssl mac -digest SHA256 -macopt "hexkey:$1" -in "$2" -binary HMAC | hex; } # KEY FILE

[ "$(part "$file" 0 7 | hex)" = 434b4501030300 ] || die "not a container of level high in place A"
size=$((1 << $(number 7 1)))
id=$(part "$file" 8 16 | hex)
metadata=$(number 24 2)
settled=$((26 + metadata + 32))
slots=$(number $((settled + 40)) 1)
modulus=$(openssl pkey -in "$key" -noout -text | sed -n '1s/.*(\([0-9]*\) bit.*/\1/p')
modulus=$((modulus / 8))
label=$(printf 'cke1 high' | hex)$id

# The slots: the first that the key opens.
at=$((settled + 41)) file_key=
while [ "$slots" -gt 0 ]; do
    length=$(number $((at + 17)) 2)
    if [ -z "$file_key" ] && [ "$(number "$at" 1)" = 3 ] && [ "$length" = "$modulus" ]; then
        part "$file" $((at + 19)) "$length" > "$work/slot"
        file_key=$(openssl pkeyutl -decrypt -inkey "$key" -in "$work/slot" -pkeyopt rsa_padding_mode:oaep \
            -pkeyopt rsa_oaep_md:sha256 -pkeyopt rsa_mgf1_md:sha256 -pkeyopt "rsa_oaep_label:$label" 2>/dev/null | hex)
    fi
    at=$((at + 19 + length)) slots=$((slots - 1))
done
[ ${#file_key} = 64 ] || die "no slot opens"

# The header.
[ "$(derive 'cke1 commit' 32)" = "$(part "$file" $((settled - 32)) 32 | hex)" ] || die commitment
header_key=$(derive 'cke1 header' 32)
part "$file" 0 "$settled" > "$work/settled"
root=$(part "$file" "$settled" 32 | hex)
[ "$(mac "$header_key" "$work/settled")" = "$root" ] || die "root MAC"
part "$file" 0 "$at" > "$work/signed"
[ "$(mac "$header_key" "$work/signed")" = "$(part "$file" "$at" 32 | hex)" ] || die "header MAC"
[ -z "$(part "$file" $((at + 32)) $((65536 - at - 32)) | tr -d '\0')" ] || die "not at rest"

# The chunks.
length=$(wc -c < "$file")
body=$((length - 65536 - 32))
[ "$body" -ge 32 ] || die cut
count=$(((body + size + 31) / (size + 32)))
chunk_key=$(derive 'cke1 payload' 32)
mac_key=$(derive 'cke1 payload mac' 32)
prefix=$(derive 'cke1 nonce' 7)
part "$file" "$settled" 32 > "$work/tags"
index=0 at=65536
while [ "$index" -lt "$count" ]; do
    last=0 plain=$size
    if [ $((index + 1)) = "$count" ]; then last=1 plain=$((length - 32 - at - 32)); fi
    [ "$plain" -ge 0 ] || die cut
    nonce=$prefix$(printf '%08x%02x' "$index" "$last")
    part "$file" "$at" "$plain" > "$work/chunk"
    part "$file" $((at + plain)) 32 > "$work/tag"
    { printf %s "$nonce" | sed 's/../\\x&/g' | xargs -0 printf %b; cat "$work/chunk"; } > "$work/authentic"
    [ "$(mac "$mac_key" "$work/authentic")" = "$(hex < "$work/tag")" ] || die "chunk $index"
    openssl enc -d -aes-256-ctr -K "$chunk_key" -iv "${nonce}00000000" -in "$work/chunk"
    cat "$work/tag" >> "$work/tags"
    index=$((index + 1)) at=$((at + plain + 32))
done
printf '%016x' "$count" | sed 's/../\\x&/g' | xargs -0 printf %b >> "$work/tags"
[ "$(mac "$(derive 'cke1 file' 32)" "$work/tags")" = "$(part "$file" "$at" 32 | hex)" ] || die trailer
