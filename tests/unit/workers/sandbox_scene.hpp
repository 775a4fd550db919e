// SPDX-License-Identifier: Apache-2.0
//
// What the offenders of sandbox_steps_test.cpp try to get at: files, sockets, shared memory and processes of
// the engine, whose place the test itself takes. Set up once, before any process is forked.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "base/memfd.hpp"
#include "base/unique_fd.hpp"
#include "check.hpp"

namespace optimilter {

// What there is to be got at: set up by the engine's stand-in, this process.
struct Scene {
    std::filesystem::path folder;
    std::string private_file, group_file, setuid_program, socket_path, abstract_name;
    UniqueFd path_listener, abstract_listener, tcp_listener, udp_socket;
    in_port_t tcp_port = 0, udp_port = 0;
    int shared_memory = -1;
    Memfd output;
    pid_t engine = 0;
    pid_t zygote = 0;
};
inline Scene scene;

inline UniqueFd listen_unix(const std::string& name) {
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    name.copy(at.sun_path, sizeof(at.sun_path));
    const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    CHECK(::bind(fd.get(), reinterpret_cast<sockaddr*>(&at), size) == 0 && ::listen(fd.get(), 128) == 0,
          name);
    return fd;
}

inline UniqueFd bind_inet(int type, in_port_t& port) {
    UniqueFd fd(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(at);
    auto* const address = reinterpret_cast<sockaddr*>(&at);
    CHECK(::bind(fd.get(), address, size) == 0 && ::getsockname(fd.get(), address, &size) == 0);
    if (type == SOCK_STREAM) CHECK_EQ(::listen(fd.get(), 128), 0);
    port = at.sin_port;
    return fd;
}

inline void write_file(const std::string& path, uid_t user, gid_t group, mode_t mode) {
    std::ofstream(path) << "secret\n";
    if (::geteuid() == 0) CHECK_EQ(::chown(path.c_str(), user, group), 0);
    CHECK_EQ(::chmod(path.c_str(), mode), 0);
}

inline void make_files() {
    char folder[] = "/tmp/optimilter-sandbox-XXXXXX";
    CHECK(::mkdtemp(folder) != nullptr);
    scene.folder = folder;
    CHECK_EQ(::chmod(folder, 0755), 0);
    const std::string open_folder = scene.folder / "open";
    CHECK(::mkdir(open_folder.c_str(), 0700) == 0 && ::chmod(open_folder.c_str(), 0777) == 0);
    scene.private_file = scene.folder / "private";
    scene.group_file = scene.folder / "group";
    write_file(scene.private_file, 1, 1, 0600);
    write_file(scene.group_file, 1, 0, 0640);
    scene.setuid_program = scene.folder / "setuid";
    std::filesystem::copy_file("/proc/self/exe", scene.setuid_program);
    CHECK_EQ(::chmod(scene.setuid_program.c_str(), 04755), 0);
}

inline void set_scene() {
    scene.engine = ::getpid();
    make_files();
    scene.socket_path = scene.folder / "socket";
    scene.path_listener = listen_unix(scene.socket_path);
    CHECK_EQ(::chmod(scene.socket_path.c_str(), 0777), 0);
    scene.abstract_name = std::string(1, '\0') + "optimilter-sandbox-" + std::to_string(scene.engine);
    scene.abstract_listener = listen_unix(scene.abstract_name);
    scene.tcp_listener = bind_inet(SOCK_STREAM, scene.tcp_port);
    scene.udp_socket = bind_inet(SOCK_DGRAM, scene.udp_port);
    scene.shared_memory = ::shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0666);
    CHECK(scene.shared_memory >= 0);
    auto output = Memfd::create("output");
    CHECK(output.has_value());
    scene.output = std::move(*output);
}

}  // namespace optimilter
