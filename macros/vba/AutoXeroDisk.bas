Attribute VB_Name = "AutoXeroDisk"
Option Explicit

' Writes requests into the agent's inbox. Nothing else in this project touches files but Excel's own Save.

Private Const PATIENCE As Single = 2
Private Const SECONDS_A_DAY As Single = 86400
Private Const UNHEARD As Long = 0
Private Const AS_EVER As Long = 1

' Puts a request into the inbox and gives its id; nothing where the folder takes none.
' The time is not in it: the agent goes by the file's own, which is right in every zone.
Public Function NewRequest(ByVal folder As String, ByVal text As String) As String
    Dim id As String
    Dim number As Integer
    Dim file As Integer
    On Error GoTo Failed
    id = NewId()
    number = FreeFile
    Open PathOf(folder, id) & ".tmp" For Output As #number
    file = number
    Print #file, text;
    Close #file
    file = 0
    Name PathOf(folder, id) & ".tmp" As PathOf(folder, id) & ".request"
    NewRequest = id
    Exit Function
Failed:
    If file > 0 Then Close #file
End Function

Private Function PathOf(ByVal folder As String, ByVal file As String) As String
    PathOf = folder & Application.PathSeparator & file
End Function

' Whether the agent takes a request within two seconds. One that it does not take is set aside for Excel's own Python;
' where that cannot be, the agent took it in the last moment, and it must not be done a second time.
Public Function IsTaken(ByVal folder As String, ByVal id As String) As Boolean
    Dim request As String
    Dim started As Single
    request = PathOf(folder, id)
    started = Timer
    HearEscape UNHEARD
    Do While Dir$(request & ".taken") = "" And Waited(started) < PATIENCE
        DoEvents
    Loop
    HearEscape AS_EVER
    IsTaken = Dir$(request & ".taken") <> ""
    If Not IsTaken Then IsTaken = Not IsSetAside(request)
    If IsTaken And Dir$(request & ".request") <> "" Then
        Err.Raise 70, , "another program, such as a virus scanner, holds the request."
    End If
End Function

Private Function IsSetAside(ByVal request As String) As Boolean
    On Error GoTo Failed
    Name request & ".request" As request & ".asked"
    IsSetAside = True
Failed:
End Function

' Esc would end in the VBA debugger. Programs that know no such thing go on without.
Private Sub HearEscape(ByVal how As Long)
    On Error Resume Next
    Application.EnableCancelKey = how
End Sub

' Whether a path leads to the file of that name in a folder. One drive may be reached by its letter and by a server's
' name: then the file's name, size and time say so. They say nothing of two local paths, since a copy keeps them.
Public Function IsSameFile(ByVal one As String, ByVal folder As String, ByVal file As String) As Boolean
    Dim other As String
    other = PathOf(folder, file)
    IsSameFile = LCase$(one) = LCase$(other)
    On Error Resume Next
    If Not IsSameFile And LastPart(one) = LastPart(other) And Not (IsLocal(one) And IsLocal(other)) Then
        IsSameFile = FileLen(one) = FileLen(other) And FileDateTime(one) = FileDateTime(other)
    End If
End Function

Private Function IsLocal(ByVal path As String) As Boolean
    IsLocal = Left$(path, 1) = "/" Or Mid$(path, 2, 1) = ":"
End Function

' When the workbook was last saved; long ago where that cannot be told.
Public Function SavedAt() As Date
    On Error Resume Next
    SavedAt = FileDateTime(PathOf(ThisWorkbook.Path, ThisWorkbook.Name))
End Function

' The name at the end of a path or an address, in small letters.
Public Function LastPart(ByVal path As String) As String
    Dim parts As Variant
    parts = Split(Replace(LCase$(path), "\", "/"), "/")
    LastPart = parts(UBound(parts))
End Function

' Seconds since then, past midnight too.
Private Function Waited(ByVal started As Single) As Single
    Waited = Timer - started
    If Waited < 0 Then Waited = Waited + SECONDS_A_DAY
End Function

' A new id such as 1a2b3c4d-0000-1111-2222-333344445555: the second, then chance.
Private Function NewId() As String
    Randomize
    NewId = LCase$(Right$("0000000" & Hex$(DateDiff("s", #1/1/2020#, Now)), 8) & "-" & Chance() & "-" & Chance() & "-" _
        & Chance() & "-" & Chance() & Chance() & Chance())
End Function

Private Function Chance() As String
    Chance = Right$("000" & Hex$(Int(Rnd * 65536)), 4)
End Function

' Whether the workbook is open for reading only. Programs that cannot tell are asked to save, and say so themselves.
Public Function IsReadOnly() As Boolean
    On Error Resume Next
    IsReadOnly = ThisWorkbook.ReadOnly
End Function
