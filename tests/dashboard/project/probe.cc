#ifdef BREAK_BUILD
#error "broken on purpose"
#endif

int main(int argc, char**) {
  if (argc > 2) {
    int* volatile lost = new int[1000];
    lost = nullptr;
  }
  return argc == 2 ? 1 : 0;
}
