#pragma once

namespace xylem::cli {

// What a relay does about running out of file descriptors, which libzmq 4.3.4 does not survive: its
// ipc listeners abort the process when accept() finds none left, and its tcp listeners are woken
// for ever. As many as may be had are asked for, and one is kept in reserve: while there is no
// other, it is spent on taking each connection in and closing it, so that the peer is turned away.
//
// The last ones are not for peers of libzmq: probes, segments of the spool and the log need some
// also while strangers take all that there are.
//
// The second and the third work by this program's own accept4(), which libzmq finds before that of
// the C library; so it stands here, and not in a library that strangers link. Once, before the
// sockets.
void prepare_for_few_descriptors();

}  // namespace xylem::cli
