class Processes:
    def __init__(self, folder): pass
    def close(self): pass
