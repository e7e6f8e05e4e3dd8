/* The main program of a fuzz target without libFuzzer: runs it once on each file of a folder, and once
 * on nothing at all. So every build holds what fuzzing has found. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int run_file(const char *folder, const char *name)
{
    char path[4096];
    int len = snprintf(path, sizeof(path), "%s/%s", folder, name);
    if (len < 0 || (size_t)len >= sizeof(path)) {
        return -1;
    }
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        return -1;
    }
    int ret = -1;
    uint8_t *data = NULL;
    if (fseek(file, 0, SEEK_END) != 0) {
        goto out;
    }
    long size = ftell(file);
    if (size < 0 || fseek(file, 0, SEEK_SET) != 0) {
        goto out;
    }
    data = malloc(
        size == 0 ? 1
                  : (size_t)size); /* Of exact size, so that a sanitizer sees one byte too far. */
    if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size) {
        perror(path);
        goto out;
    }
    printf("%s\n",
        name); /* Before the run: the last name printed is the one that stops the program. */
    (void)fflush(stdout);
    (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    ret = 0;
out:
    free(data);
    (void)fclose(file);
    return ret;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 2;
    }
    DIR *folder = opendir(argv[1]);
    if (folder == NULL) {
        perror(argv[1]);
        return 1;
    }
    const uint8_t nothing = 0;
    (void)LLVMFuzzerTestOneInput(&nothing, 0);
    int count = 0;
    int failed = 0;
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        failed += run_file(argv[1], entry->d_name) != 0;
        count += 1;
    }
    (void)closedir(folder);
    printf("%d inputs\n", count);
    return count == 0 || failed != 0;
}
