# Compile zlib, and of liblzma what unpacks LZMA2, for another machine. To be sourced by scripts, which then call
#
#   build_libraries SOURCES OBJECTS COMPILER...
#
# with LZMA_FLAGS, a list of flags for liblzma alone. SOURCES is the folder of web/fetch.sh; OBJECTS gets object files. LIBRARY_FLAGS is what others compile with.
build_libraries() {
    local sources=$1 objects=$2 file
    shift 2
    local zlib=$sources/zlib-1.2.13.dfsg lzma=$sources/xz-5.4.1/src
    LIBRARY_FLAGS="-I$zlib -I$lzma/liblzma/api -DLZMA_API_STATIC"
    mkdir -p "$objects"
    for file in adler32 compress crc32 deflate inffast inflate inftrees trees zutil; do
        [ -f "$objects/z_$file.o" ] || "$@" -w -DNO_GZIP -I"$zlib" -c "$zlib/$file.c" -o "$objects/z_$file.o"
    done
    for file in common/common common/filter_common common/filter_decoder common/vli_decoder lz/lz_decoder \
        lzma/lzma_decoder lzma/lzma2_decoder lzma/lzma_encoder_presets; do
        local made=$objects/l_${file##*/}.o
        [ -f "$made" ] || "$@" -w "${LZMA_FLAGS[@]}" -DHAVE_DECODERS -DHAVE_DECODER_LZMA1 -DHAVE_DECODER_LZMA2 -DHAVE_STDBOOL_H -DHAVE_STDINT_H \
            -DHAVE_INTTYPES_H -DHAVE_LIMITS_H -DHAVE_STRING_H -DTUKLIB_SYMBOL_PREFIX=lzma_ -DLZMA_API_STATIC -DSIZEOF_SIZE_T=__SIZEOF_SIZE_T__ \
            -I"$lzma/liblzma/api" -I"$lzma/liblzma/common" -I"$lzma/liblzma/lz" -I"$lzma/liblzma/lzma" -I"$lzma/liblzma/rangecoder" \
            -I"$lzma/liblzma/check" -I"$lzma/liblzma/simple" -I"$lzma/liblzma/delta" -I"$lzma/common" -c "$lzma/liblzma/$file.c" -o "$made"
    done
}
