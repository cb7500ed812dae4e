// Code that its author compiles without warnings, beside a header of Xylem's.

#include "relay/client/dispatcher.h"

int main(int argc, char**) {
  int unused;
  int n = 3.7 * argc;
  return n == 3 ? 0 : 1;
}
