// Logs what a process and its children ask of the disk below the folder $DISK_ROOT. Preloaded by tests.
//
// Each event is one line of the file $DISK_LOG, in the order in which they happen in all processes:
//   write PATH, create PATH, rename FROM TO, remove PATH, folder PATH, sync PATH SNAPSHOT, sync_folder PATH
// `write` means that a file is opened for writing. SNAPSHOT is a copy of the file's content at the time of the call,
// beside the log.

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <fcntl.h>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace {

template <typename F> F real(const char* name) { return (F)dlsym(RTLD_NEXT, name); }

std::string root() { const char* r = std::getenv("DISK_ROOT"); return r ? r : ""; }

bool ours(const std::string& path) { return !root().empty() && (path + "/").compare(0, root().size(), root()) == 0; }

std::string absolute(int folder, const char* path)
{
    if (path[0] == '/') return path;
    char found[4096];
    const std::string link = folder == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/" + std::to_string(folder);
    const ssize_t length = readlink(link.c_str(), found, sizeof found);
    return length < 0 ? path : std::string(found, length) + "/" + path;
}

void log(const std::string& line)
{
    static const auto open_ = real<int (*)(const char*, int, ...)>("open");
    const int file = open_(std::getenv("DISK_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    const std::string whole = line + "\n";
    if (write(file, whole.data(), whole.size()) < 0) std::abort();
    close(file);
}

void opened(const std::string& path, bool for_writing, bool fresh)
{
    if (!ours(path)) return;
    if (for_writing) log("write\t" + path);
    if (fresh) log("create\t" + path);
}

void synced(int fd)
{
    char found[4096];
    const ssize_t length = readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), found, sizeof found);
    const std::string path = length < 0 ? "" : std::string(found, length);
    if (!ours(path)) return;
    struct stat status;
    fstat(fd, &status);
    if (S_ISDIR(status.st_mode)) { log("sync_folder\t" + path); return; }
    static int count = 0;
    const std::string copy = std::string(std::getenv("DISK_LOG")) + "." + std::to_string(getpid()) + "." + std::to_string(count++);
    static const auto fopen_ = real<FILE* (*)(const char*, const char*)>("fopen");
    FILE *from = fopen_(path.c_str(), "rb"), *to = fopen_(copy.c_str(), "wb");
    char some[65536];
    for (size_t n; (n = fread(some, 1, sizeof some, from)) > 0;) fwrite(some, 1, n, to);
    fclose(from);
    fclose(to);
    log("sync\t" + path + "\t" + copy);
}

}  // namespace

extern "C" {

#define DS_OPEN(name) \
    int name(const char* path, int flags, ...) \
    { \
        va_list more; \
        va_start(more, flags); \
        const mode_t mode = va_arg(more, mode_t); \
        va_end(more); \
        const std::string where = absolute(AT_FDCWD, path); \
        const bool fresh = (flags & O_CREAT) && (access(path, F_OK) || (flags & O_TRUNC)); \
        const int fd = real<int (*)(const char*, int, ...)>(#name)(path, flags, mode); \
        if (fd >= 0) opened(where, (flags & O_ACCMODE) != O_RDONLY, fresh); \
        return fd; \
    }
DS_OPEN(open)
DS_OPEN(open64)

#define DS_FOPEN(name) \
    FILE* name(const char* path, const char* how) \
    { \
        FILE* file = real<FILE* (*)(const char*, const char*)>(#name)(path, how); \
        if (file) opened(absolute(AT_FDCWD, path), std::strpbrk(how, "wa+"), how[0] == 'w'); \
        return file; \
    }
DS_FOPEN(fopen)
DS_FOPEN(fopen64)

int rename(const char* from, const char* to)
{
    const int result = real<int (*)(const char*, const char*)>("rename")(from, to);
    const std::string a = absolute(AT_FDCWD, from), b = absolute(AT_FDCWD, to);
    if (!result && ours(a)) log("rename\t" + a + "\t" + b);
    return result;
}

#define DS_REMOVE(name) \
    int name(const char* path) \
    { \
        const std::string where = absolute(AT_FDCWD, path); \
        const int result = real<int (*)(const char*)>(#name)(path); \
        if (!result && ours(where)) log("remove\t" + where); \
        return result; \
    }
DS_REMOVE(unlink)
DS_REMOVE(rmdir)

int unlinkat(int folder, const char* path, int flags)
{
    const std::string where = absolute(folder, path);
    const int result = real<int (*)(int, const char*, int)>("unlinkat")(folder, path, flags);
    if (!result && ours(where)) log("remove\t" + where);
    return result;
}

int mkdir(const char* path, mode_t mode)
{
    const int result = real<int (*)(const char*, mode_t)>("mkdir")(path, mode);
    const std::string where = absolute(AT_FDCWD, path);
    if (!result && ours(where)) log("folder\t" + where);
    return result;
}

int fsync(int fd)
{
    synced(fd);
    return real<int (*)(int)>("fsync")(fd);
}

int fdatasync(int fd)
{
    synced(fd);
    return real<int (*)(int)>("fdatasync")(fd);
}

}
