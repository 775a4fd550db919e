// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into the real optimilter-engine (and guard) by tests/faults, so that a process can be killed or
// stopped at an exact point of a message. Stands between the engine and libmilter's functions and between
// libmilter and the kernel; changes nothing but time. The product knows nothing of it.
//
// $OPTIMILTER_BREAK_POINTS names a folder. Whoever wants a point writes its name into the file `armed` there
// and listens on the unix socket `reached`. The first thread that comes to that point removes the file,
// connects, says the name, and waits until the connection is closed. Any thread.
#include <dlfcn.h>
#include <fcntl.h>
#include <libmilter/mfapi.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace {

constexpr std::size_t kFrameHead = 5;  // length and command
constexpr char kReplaceBody = 'b', kAddHeader = 'h';
constexpr std::size_t kLargeReply = 64 << 10;

char folder[64];
smfiDesc wrapped{};
thread_local bool in_end_of_message = false;  // between its begin and libmilter's last reply
thread_local bool reply_due = false;
thread_local int chunk = 0;

__attribute__((constructor)) void remember_folder() {
    const char* name = std::getenv("OPTIMILTER_BREAK_POINTS");
    if (name != nullptr && std::strlen(name) < sizeof folder - 10) std::strcpy(folder, name);
}

template <typename Function>
Function* next(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool armed(std::string_view point) {
    if (folder[0] == '\0') return false;
    char path[sizeof folder + 16], text[64];
    std::snprintf(path, sizeof path, "%s/armed", folder);
    const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return false;
    const ssize_t size = ::read(fd, text, sizeof text);
    ::close(fd);
    return size > 0 && std::string_view(text, static_cast<std::size_t>(size)) == point;
}

// True for one caller only.
bool take_arms() {
    char path[sizeof folder + 16];
    std::snprintf(path, sizeof path, "%s/armed", folder);
    return ::unlink(path) == 0;
}

void report_and_wait(std::string_view point) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s/reached", folder);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    char released = 0;
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
        next<decltype(::send)>("send")(fd, point.data(), point.size(), MSG_NOSIGNAL) > 0) {
        while (::read(fd, &released, 1) < 0 && errno == EINTR) continue;
    }
    ::close(fd);
}

void reach(std::string_view point) {
    const int saved_errno = errno;
    if (armed(point) && take_arms()) report_and_wait(point);
    errno = saved_errno;
}

sfsistat on_negotiate(SMFICTX* context, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
                      unsigned long* e, unsigned long* f, unsigned long* g, unsigned long* h) {
    reach("negotiate");
    return wrapped.xxfi_negotiate(context, a, b, c, d, e, f, g, h);
}
sfsistat on_connect(SMFICTX* context, char* host, _SOCK_ADDR* address) {
    reach("connect");
    return wrapped.xxfi_connect(context, host, address);
}
sfsistat on_helo(SMFICTX* context, char* name) {
    reach("helo");
    return wrapped.xxfi_helo(context, name);
}
sfsistat on_mail(SMFICTX* context, char** arguments) {
    reach("mail");
    return wrapped.xxfi_envfrom(context, arguments);
}
sfsistat on_rcpt(SMFICTX* context, char** arguments) {
    reach("rcpt");
    return wrapped.xxfi_envrcpt(context, arguments);
}
sfsistat on_data(SMFICTX* context) {
    reach("data");
    return wrapped.xxfi_data(context);
}
sfsistat on_header(SMFICTX* context, char* name, char* value) {
    reach("header");
    return wrapped.xxfi_header(context, name, value);
}
sfsistat on_eoh(SMFICTX* context) {
    reach("eoh");
    return wrapped.xxfi_eoh(context);
}
sfsistat on_body(SMFICTX* context, unsigned char* bytes, std::size_t size) {
    reach("body");
    return wrapped.xxfi_body(context, bytes, size);
}
sfsistat on_eom(SMFICTX* context) {
    in_end_of_message = true;
    reach("eom");
    const sfsistat result = wrapped.xxfi_eom(context);
    in_end_of_message = false;
    reply_due = true;
    return result;
}

template <typename Callback>
void wrap(Callback& callback, Callback ours) {
    if (callback != nullptr) callback = ours;
}

bool is_chunk(const iovec* pieces, int count) {
    return count > 1 && pieces[0].iov_len == kFrameHead &&
           static_cast<const char*>(pieces[0].iov_base)[kFrameHead - 1] == kReplaceBody;
}

// From the guard to the MTA, not to the engine: an edit is its first frame.
bool is_large_reply(const void* bytes, std::size_t size) {
    if (size < kLargeReply) return false;
    const char command = static_cast<const char*>(bytes)[kFrameHead - 1];
    return command == kReplaceBody || command == kAddHeader;
}

// Half of a chunk goes out; libmilter writes the rest when we return.
ssize_t write_half(int fd, const iovec* pieces) {
    iovec half[2] = {pieces[0], pieces[1]};
    half[1].iov_len /= 2;
    const ssize_t written = next<decltype(::writev)>("writev")(fd, half, 2);
    reach("inside chunk 2");
    return written;
}

// The last reply of a message went to the kernel.
ssize_t after_reply(ssize_t written) {
    if (reply_due) {
        reply_due = false;
        reach("after reply");
    }
    return written;
}

}  // namespace

extern "C" {

int smfi_register(smfiDesc filter) {
    wrapped = filter;
    wrap(filter.xxfi_negotiate, on_negotiate);
    wrap(filter.xxfi_connect, on_connect);
    wrap(filter.xxfi_helo, on_helo);
    wrap(filter.xxfi_envfrom, on_mail);
    wrap(filter.xxfi_envrcpt, on_rcpt);
    wrap(filter.xxfi_data, on_data);
    wrap(filter.xxfi_header, on_header);
    wrap(filter.xxfi_eoh, on_eoh);
    wrap(filter.xxfi_body, on_body);
    wrap(filter.xxfi_eom, on_eom);
    return next<decltype(::smfi_register)>("smfi_register")(filter);
}

int smfi_addheader(SMFICTX* context, char* name, char* value) {
    reach("before replace");
    const int result = next<decltype(::smfi_addheader)>("smfi_addheader")(context, name, value);
    reach("after addheader");
    return result;
}

int smfi_replacebody(SMFICTX* context, unsigned char* bytes, int size) {
    chunk = 0;
    const int result = next<decltype(::smfi_replacebody)>("smfi_replacebody")(context, bytes, size);
    reach("before reply");
    return result;
}

// A job has gone to a worker, which is at work now.
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
    const ssize_t sent = next<decltype(::sendmsg)>("sendmsg")(fd, message, flags);
    if (in_end_of_message && message->msg_control != nullptr) reach("work");
    return sent;
}

ssize_t writev(int fd, const iovec* pieces, int count) {
    if (in_end_of_message && is_chunk(pieces, count)) {
        ++chunk;
        if (chunk == 2) reach("chunk 2");
        if (chunk == 2 && armed("inside chunk 2")) return write_half(fd, pieces);
    }
    return after_reply(next<decltype(::writev)>("writev")(fd, pieces, count));
}

ssize_t write(int fd, const void* bytes, size_t size) {
    return after_reply(next<decltype(::write)>("write")(fd, bytes, size));
}

// The guard's one write of a whole reply, torn in two: what happens where the socket buffer does not hold it.
ssize_t send(int fd, const void* bytes, size_t size, int flags) {
    const auto real = next<decltype(::send)>("send");
    if (!is_large_reply(bytes, size) || !armed("inside send")) return real(fd, bytes, size, flags);
    const ssize_t sent = real(fd, bytes, size / 2, flags);
    reach("inside send");
    return sent;
}

}  // extern "C"
