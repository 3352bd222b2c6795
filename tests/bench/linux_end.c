/* SPDX-License-Identifier: BSD-2-Clause
 * The program for the Linux guest of linux_peer.py, linked statically at an address that no other
 * program uses: `linux_end mark` executes `mark`, whose address QEMU's counting plugin knows;
 * `linux_end echo` answers UDP on port 7, one datagram at a time, as common programs do, until
 * killed.
 */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

void mark(void);
__attribute__((noinline)) void mark(void)
{
    __asm__ volatile("" ::: "memory");
}

static int echo(void)
{
    const struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(7)};
    static char datagram[2048];
    int s = socket(AF_INET, SOCK_DGRAM, 0);

    if (s < 0 || bind(s, (const struct sockaddr *)&here, sizeof(here)) != 0) {
        perror("linux_end: port 7");
        return 1;
    }
    for (;;) {
        struct sockaddr_in from;
        socklen_t from_bytes = sizeof(from);
        ssize_t n =
            recvfrom(s, datagram, sizeof(datagram), 0, (struct sockaddr *)&from, &from_bytes);
        if (n >= 0)
            (void)sendto(s, datagram, (size_t)n, 0, (const struct sockaddr *)&from, from_bytes);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "echo") == 0)
        return echo();
    mark();
    return 0;
}
