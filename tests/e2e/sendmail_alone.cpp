// SPDX-License-Identifier: Apache-2.0
//
// Preloaded into the private Sendmail of the tests, so that it needs no name server and writes no line into
// the system's mail log. Sendmail asks the machine for its name before it reads its settings, sleeps a minute
// when that has no dot, and knows no log but syslog(3). Here the name is mx.optimilter.test, the only hosts
// are it and localhost, and the log is the file in $SENDMAIL_ALONE_LOG. Nothing else of Sendmail is touched.
// One thread only, as Sendmail.
#include <netdb.h>
#include <netinet/in.h>
#include <resolv.h>
#include <sys/socket.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <initializer_list>

namespace {

char own_name[] = "mx.optimilter.test";
char local_name[] = "localhost";
char log_file[4096];

// Sendmail clears its environment early: what it holds is read when we are loaded.
__attribute__((constructor)) void remember_log_file() {
    if (const char* name = std::getenv("SENDMAIL_ALONE_LOG"))
        std::snprintf(log_file, sizeof log_file, "%s", name);
}

void write_line(const char* format, va_list arguments) {
    char text[4096];
    std::vsnprintf(text, sizeof text, format, arguments);
    char when[32] = "";
    const std::time_t now = std::time(nullptr);
    std::strftime(when, sizeof when, "%b %e %H:%M:%S", std::localtime(&now));
    std::FILE* file = log_file[0] == 0 ? nullptr : std::fopen(log_file, "ae");
    if (file == nullptr) return;
    std::fprintf(file, "%s sendmail[%d]: %s\n", when, static_cast<int>(::getpid()), text);
    std::fclose(file);
}

hostent* loopback() {
    static in_addr address{htonl(INADDR_LOOPBACK)};
    static char* addresses[] = {reinterpret_cast<char*>(&address), nullptr};
    static char* aliases[] = {local_name, nullptr};
    static hostent host{own_name, aliases, AF_INET, sizeof address, addresses};
    return &host;
}

hostent* no_host() {
    h_errno = HOST_NOT_FOUND;
    return nullptr;
}

int no_answer() {
    h_errno = HOST_NOT_FOUND;
    return -1;
}

}  // namespace

extern "C" {

int gethostname(char* name, size_t size) noexcept {
    std::snprintf(name, size, "%s", own_name);
    return 0;
}

int uname(utsname* name) noexcept {
    *name = {};
    std::snprintf(name->sysname, sizeof name->sysname, "Linux");
    std::snprintf(name->nodename, sizeof name->nodename, "%s", own_name);
    return 0;
}

hostent* gethostbyname2(const char* name, int family) {
    if (family != AF_INET) return no_host();
    for (const char* known :
         {static_cast<const char*>(own_name), static_cast<const char*>(local_name), "127.0.0.1"})
        if (std::strcmp(name, known) == 0) return loopback();
    return no_host();
}

hostent* gethostbyaddr(const void* address, socklen_t size, int family) {
    const auto* bytes = static_cast<const unsigned char*>(address);
    return family == AF_INET && size == sizeof(in_addr) && bytes[0] == 127 ? loopback() : no_host();
}

int res_search(const char*, int, int, unsigned char*, int) noexcept {
    return no_answer();
}
int res_query(const char*, int, int, unsigned char*, int) noexcept {
    return no_answer();
}
int res_querydomain(const char*, const char*, int, int, unsigned char*, int) noexcept {
    return no_answer();
}

void openlog(const char*, int, int) {}

void syslog(int, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
}

// What fortified programs call instead.
void __syslog_chk(int, int, const char* format, ...) {
    va_list arguments;
    va_start(arguments, format);
    write_line(format, arguments);
    va_end(arguments);
}

}  // extern "C"
