// The whole of libzmq's C interface. Its pkg-config file carries a flag SwiftPM refuses, hence `link "zmq"` alone.
#pragma once
#include <zmq.h>
#include <errno.h>
#include <sys/eventfd.h>
